import ArgumentParser
import Foundation
import Yams

/// What is done to the arguments before they are parsed: underscores become dashes, and the options of `--config`
/// files are put before those of the command line, which therefore win.
enum CommandLineArguments {
  static func prepared(_ arguments: [String]) throws -> [String] {
    // What stands behind `launch` is for it and its workers to read.
    if arguments.first == "launch" { return arguments }
    let spelled = arguments.map(withDashes)
    guard let command = spelled.first, !command.hasPrefix("-") else { return spelled }
    var rest: [String] = []
    var fromFile: [String] = []
    var index = 1
    while index < spelled.count {
      if spelled[index] == "--config" {
        guard index + 1 < spelled.count else { throw ValidationError("--config needs the path of a YAML file.") }
        fromFile += try options(ofFile: arguments[index + 1])
        index += 2
      } else if spelled[index].hasPrefix("--config=") {
        fromFile += try options(ofFile: String(arguments[index].dropFirst("--config=".count)))
        index += 1
      } else {
        rest.append(spelled[index])
        index += 1
      }
    }
    return [command] + (command == "train" ? try MiniMindCommandLine.completed(fromFile + rest) : fromFile + rest)
  }

  /// `--per_device_batch_size=4` → `--per-device-batch-size=4`; values stay as they are.
  private static func withDashes(_ argument: String) -> String {
    guard argument.hasPrefix("--") else { return argument }
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0].replacingOccurrences(of: "_", with: "-")
    return parts.count == 2 ? "\(name)=\(parts[1])" : name
  }

  /// A flat mapping of option names to values; true stands for a flag, false and null for its absence, a list for an
  /// option given several times.
  static func options(ofFile path: String) throws -> [String] {
    guard let text = FileManager.default.contents(atPath: path).map({ String(decoding: $0, as: UTF8.self) }) else {
      throw Failure(.missingInput, "--config \(path): no such file.")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw Failure(.usage, "--config \(path): not valid YAML: \(error)")
    }
    guard let node else { return [] }
    guard let mapping = node.mapping else {
      throw Failure(.usage, "--config \(path): expected a line `option: value` for each option.")
    }
    var arguments: [String] = []
    for (key, value) in mapping {
      guard let name = key.string else { throw Failure(.usage, "--config \(path): an option's name must be a word.") }
      let option = withDashes("--" + name)
      switch value {
      case .mapping:
        throw Failure(.usage, "--config \(path): \(name) holds a mapping; options are not nested.")
      case .sequence(let items):
        for item in items { arguments += [option, item.string ?? ""] }
      default:
        // The text as it stands: a number keeps its spelling.
        let text = value.scalar?.string ?? ""
        if let flag = value.bool, value.tag.description.hasSuffix("bool") {
          if flag { arguments.append(option) }
        } else if !(value.scalar.map { $0.style == .plain && ["", "~", "null"].contains($0.string) } ?? false) {
          arguments.append("\(option)=\(text)")
        }
      }
    }
    return arguments
  }
}
