import Foundation
import Launcher

/// What a line of a conversation at the terminal asks for.
package enum ChatCommand: Hashable, Sendable {
  /// Something to say to the model.
  case message(String)
  case nothing
  case help
  /// Sets the system message; nil asks which one there is.
  case system(String?)
  case reset
  case regenerate
  /// Whether both models answer from now on; nil for the last question, now.
  case compare(Bool?)
  /// Sets an option; nil asks for all.
  case set(Setting?)
  /// nil asks what is so.
  case think(Thinking?)
  case quit
  /// A command that there is not, with the one that is spelled most like it.
  case unknown(String, nearest: String?)
  /// A command with words that it does not take.
  case misused(usage: String)

  /// An option and its value, as they were written.
  package struct Setting: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(name: String, value: String) { (self.name, self.value) = (name, value) }
  }

  /// Names by which commands are called, the first one in the help.
  private static let names: [(String, aliases: [String])] = [
    ("help", ["h", "?"]), ("system", []), ("reset", ["new", "clear"]), ("regenerate", ["retry", "r"]),
    ("compare", []), ("set", []), ("think", []), ("quit", ["exit", "q", "bye"]),
  ]

  /// The commands that a line may become.
  package static func completions(of line: String) -> [String] {
    guard line.hasPrefix("/"), !line.contains(" ") else { return [] }
    return names.map { "/" + $0.0 + " " }.filter { $0.hasPrefix(line) }
  }

  /// Reads a line. `/` and a word make a command; two slashes say a text that begins with one, and so do paths.
  package init(_ line: String) {
    let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else {
      self = .nothing
      return
    }
    guard text.hasPrefix("/"), !text.hasPrefix("//") else {
      self = .message(text.hasPrefix("//") ? String(text.dropFirst()) : text)
      return
    }
    let word = String(text.dropFirst().prefix { !$0.isWhitespace })
    let rest = text.dropFirst(word.count + 1).trimmingCharacters(in: .whitespacesAndNewlines)
    guard !word.contains("/") else {
      self = .message(text)
      return
    }
    guard let name = Self.names.first(where: { $0.0 == word || $0.aliases.contains(word) })?.0 else {
      self = .unknown("/" + word, nearest: nearest(to: word, among: Self.names.map(\.0)).map { "/" + $0 })
      return
    }
    self = Self.command(name, rest)
  }

  private static func command(_ name: String, _ rest: String) -> ChatCommand {
    switch name {
    case "system": return .system(rest.isEmpty ? nil : rest)
    case "compare":
      guard !rest.isEmpty else { return .compare(nil) }
      return ["on": .compare(true), "off": .compare(false)][rest]
        ?? .misused(usage: "/compare, /compare on, /compare off")
    case "think":
      guard !rest.isEmpty else { return .think(nil) }
      return Thinking(rawValue: rest).map { .think($0) } ?? .misused(usage: "/think on, /think off, /think fold")
    case "set":
      guard !rest.isEmpty else { return .set(nil) }
      let parts = rest.split(maxSplits: 1) { $0 == " " || $0 == "=" }.map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2 else { return .misused(usage: "/set temperature 0.7") }
      return .set(Setting(name: parts[0].replacing("_", with: "-"), value: parts[1]))
    default:
      guard rest.isEmpty else { return .misused(usage: "/" + name) }
      switch name {
      case "help": return .help
      case "reset": return .reset
      case "regenerate": return .regenerate
      default: return .quit
      }
    }
  }
}

/// What becomes of a model's thoughts.
package enum Thinking: String, Hashable, Sendable, CaseIterable {
  /// The model is asked to think, and its thoughts are shown.
  case on
  /// It is not asked to.
  case off
  /// It is asked to, and a line stands for its thoughts.
  case fold
}
