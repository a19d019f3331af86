import Foundation
import Observability

/// A conversation on standard output, and what the program says of it on standard error.
final class TerminalChatScreen: ChatScreen {
  /// Whether somebody looks at it, rather than a program that reads the answers.
  private let isTerminal: Bool
  private let usesColor: Bool
  private var endsLine = true

  init(isTerminal: Bool) {
    self.isTerminal = isTerminal
    usesColor = isTerminal && Console.standardError.usesColor
  }

  func write(_ text: String) {
    let text = Self.printable(text)
    guard !text.isEmpty else { return }
    Output.write(text)
    endsLine = text.last?.isNewline == true
  }

  /// Thoughts are no part of the answer that another program reads.
  func writeThought(_ text: String) {
    guard isTerminal else { return }
    write(usesColor ? "" : text)
    if usesColor { Output.write("\u{1B}[2m" + Self.printable(text) + "\u{1B}[0m") }
    endsLine = text.last?.isNewline == true
  }

  func endAnswer() {
    Output.line(isTerminal && endsLine ? "" : "\n")
    endsLine = true
  }

  func name(_ name: String) { Output.line(usesColor ? "\u{1B}[1m\(name)\u{1B}[0m" : name + ":") }

  func note(_ text: String) { Console.standardError.print(isTerminal ? Self.fitted(text) : text) }

  /// Lines broken where words end; the terminal would break them anywhere.
  static func fitted(_ text: String) -> String {
    let width = Output.width ?? 80
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      TerminalText.columns(String(line)) <= width ? String(line) : TerminalText.wrapped(String(line), width: width)
    }.joined(separator: "\n")
  }

  /// What a model says must not move the cursor.
  private static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.filter { !isControl($0) }))
  }

  private static func isControl(_ scalar: UnicodeScalar) -> Bool {
    scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
  }
}
