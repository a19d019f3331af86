import Foundation
import Yams

/// A `--config` file: a flat YAML mapping of option names to values.
enum ConfigFile {
  /// The options of a file, in its order.
  ///
  /// True stands for a flag, false and null for its absence, a list for an option given several times. A value keeps its
  /// spelling: `1e-6` stays `1e-6`.
  ///
  /// - Throws: `Failure` for a file that is missing, is no YAML, or holds something else than options
  static func options(of path: String) throws -> [GivenOptions.Option] {
    guard !path.isEmpty else { throw Failure(.usage, "--config needs the path of a YAML file.") }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw Failure(.missingInput, "--config \(path): no such file.")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.usage, "--config \(path): not UTF-8 text.")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw Failure(.usage, "--config \(path): not valid YAML: \(words(for: error))")
    }
    guard let node else { return [] }
    guard let mapping = node.mapping else {
      throw Failure(.usage, "--config \(path): expected a line `option: value` for each option.")
    }
    return try mapping.flatMap { key, value in
      guard let name = key.string, !name.isEmpty else {
        throw Failure(.usage, "--config \(path): an option's name must be a word.")
      }
      let line = key.mark?.line ?? 0
      let option = GivenOptions.Option(
        name: CommandLineArguments.dashed(name), value: nil, typed: "--" + name,
        origin: .file(path, line: line))
      guard option.name != "config" else {
        throw Failure(.usage, "--config \(path), line \(line): a file of options cannot name another.")
      }
      let values = try values(of: value, named: name, path: path, line: line)
      return (values.isEmpty ? [nil] : values).map { value in
        var option = option
        option.value = value
        option.isNull = value == nil
        return option
      }
    }
  }

  /// None for null and for an empty list.
  private static func values(of node: Node, named name: String, path: String, line: Int) throws -> [String?] {
    switch node {
    case .mapping:
      throw Failure(.usage, "--config \(path), line \(line): \(name) holds a mapping; options are not nested.")
    case .sequence(let items):
      return items.map { $0.string ?? "" }
    default:
      guard let scalar = node.scalar else { return [] }
      let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      return isNull ? [] : [scalar.string]
    }
  }

  /// `line 3, column 5: …` instead of the library's drawing of the place.
  private static func words(for error: any Error) -> String {
    switch error {
    case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      "line \(mark.line), column \(mark.column): \(problem)"
    case YamlError.reader(let problem, _, _, _): problem
    case YamlError.duplicatedKeysInMapping(let keys, _): "given more than once: \(keys.joined(separator: ", "))"
    default: "\(error)"
    }
  }
}
