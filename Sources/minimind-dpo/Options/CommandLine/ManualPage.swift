import Foundation
import OrderedJSON

/// The manual page of the program, in roff with the macros of man(7): every command with its options, as their help has them.
struct ManualPage {
  /// What the parser says of the program.
  private let help: JSON
  private let version: String

  /// - Parameter help: the parser's description of the program and its commands
  init(of help: JSON, version: String) { (self.help, self.version) = (help, version) }

  /// The page.
  var text: String {
    let root = help["command"] ?? .null
    let name = root["commandName"]?.string ?? ""
    let commands = (root["subcommands"]?.array ?? []).filter { $0["commandName"]?.string != "help" }
    var lines = [
      ".TH \"\(name.uppercased())\" 1 \"\" \"\(Self.escaped("\(name) \(version)"))\"", ".nh", ".ad l", ".SH NAME",
      Self.escaped("\(name) \u{2d} \(root["abstract"]?.string ?? "")"), ".SH SYNOPSIS",
      ".B \(Self.escaped(name))", Self.escaped("COMMAND [OPTIONS]"), ".SH DESCRIPTION",
    ]
    lines += Self.prose(root["discussion"]?.string ?? "")
    lines.append(".SH COMMANDS")
    for command in commands {
      lines += [".TP", ".B \(Self.escaped(command["commandName"]?.string ?? ""))"]
      lines.append(Self.escaped(command["abstract"]?.string ?? ""))
    }
    for command in commands { lines += Self.section(of: command, program: name) }
    lines += [
      ".SH EXIT STATUS",
      Self.escaped(
        "0 done; 64 usage; 65 bad data; 66 missing input; 69 device or backend unavailable; 70 internal error; 73 cannot write "
          + "output; 75 stopped after a complete checkpoint, to be resumed."),
    ]
    return lines.joined(separator: "\n")
  }

  private static func section(of command: JSON, program: String) -> [String] {
    let name = command["commandName"]?.string ?? ""
    var lines = [
      ".SH \(escaped("\(program) \(name)".uppercased()))", escaped(command["abstract"]?.string ?? ""),
    ]
    if let discussion = command["discussion"]?.string { lines += [".PP"] + prose(discussion) }
    var title: String?
    for argument in command["arguments"]?.array ?? [] where argument["shouldDisplay"]?.bool != false {
      let group = argument["sectionTitle"]?.string
      if group != title, let group { lines.append(".SS \(escaped(group))") }
      title = group
      lines += [".TP", ".B \(escaped(spelling(of: argument)))", escaped(meaning(of: argument))]
    }
    return lines
  }

  /// `--model <path>`, with all names.
  private static func spelling(of argument: JSON) -> String {
    let value = argument["valueName"]?.string ?? ""
    guard argument["kind"]?.string != "positional" else { return "<\(value)>" }
    let names = (argument["names"]?.array ?? []).compactMap { name -> String? in
      guard let word = name["name"]?.string else { return nil }
      return name["kind"]?.string == "short" ? "-\(word)" : "--\(word)"
    }
    return names.joined(separator: ", ") + (argument["kind"]?.string == "option" ? " <\(value)>" : "")
  }

  private static func meaning(of argument: JSON) -> String {
    let sentence = [argument["abstract"]?.string, argument["discussion"]?.string].compactMap(\.self)
      .joined(separator: " ")
    let values = (argument["allValues"]?.array ?? []).compactMap(\.string)
    var notes: [String] = []
    if !values.isEmpty { notes.append("values: \(values.joined(separator: ", "))") }
    if let usual = argument["defaultValue"]?.string, !sentence.contains("(default:") {
      notes.append("default: \(usual)")
    }
    let words = sentence + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
    return words.isEmpty ? "." : words.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// Paragraphs are filled; lines that begin with a command stay as they are.
  private static func prose(_ text: String) -> [String] {
    var lines: [String] = []
    for paragraph in text.components(separatedBy: "\n\n") {
      if !lines.isEmpty { lines.append(".PP") }
      let rows = paragraph.split(separator: "\n").map(String.init)
      let isTable = rows.contains { $0.contains("minimind-dpo ") }
      lines += isTable ? [".nf"] + rows.map(escaped) + [".fi"] : [escaped(rows.joined(separator: " "))]
    }
    return lines
  }

  /// Text that roff takes as it is.
  static func escaped(_ text: String) -> String {
    let plain = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
      .replacingOccurrences(of: "`", with: "\\(ga").replacingOccurrences(of: "'", with: "\\(aq")
      .replacingOccurrences(of: "\"", with: "\\(dq")
    let letters = plain.unicodeScalars.map { $0.isASCII ? String($0) : "\\[u" + hex($0) + "]" }.joined()
    // A dot at the beginning of a line would be a request.
    return letters.hasPrefix(".") ? "\\&" + letters : letters
  }

  private static func hex(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
