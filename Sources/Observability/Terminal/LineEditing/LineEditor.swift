import Foundation

/// Reads lines that somebody writes at a terminal, with editing and history; where standard input or output is no terminal,
/// lines as they are.
public final class LineEditor {
  /// How a line ended.
  public enum Outcome: Hashable, Sendable {
    case line(String)
    /// Ctrl-C, with what had been written.
    case interrupted(String)
    case endOfInput
  }

  /// Whether lines are edited.
  public let isInteractive: Bool
  /// The lines before.
  public var history: LineHistory
  private let complete: (String) -> [String]
  private var keys = KeyReader()
  /// The row of the line in which the cursor stands.
  private var cursorRow = 0

  /// - Parameter complete: the texts that a line may become at Tab
  public init(
    history: LineHistory = LineHistory(), environment: [String: String] = ProcessInfo.processInfo.environment,
    complete: @escaping (String) -> [String] = { _ in [] }
  ) {
    isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb"
    (self.history, self.complete) = (history, complete)
  }

  /// The next line.
  ///
  /// - Parameter prompt: shown before it where somebody sees it
  public func read(_ prompt: String) -> Outcome {
    guard isInteractive else { return readLine().map(Outcome.line) ?? .endOfInput }
    TerminalMode.editing.take()
    send("\u{1B}[?2004h")
    defer {
      send("\u{1B}[?2004l")
      TerminalMode.listening.take()
    }
    var line = EditedLine()
    cursorRow = 0
    show(prompt, line)
    while true {
      guard let key = nextKey() else { return .endOfInput }
      switch key {
      case .enter:
        finish(prompt, line)
        history.add(line.text)
        return .line(line.text)
      case .interrupt:
        finish(prompt, line)
        return .interrupted(line.text)
      case .endOfInput where line.characters.isEmpty:
        finish(prompt, line)
        return .endOfInput
      case .up: if let older = history.older(than: line.text) { line.replace(with: older) }
      case .down: if let newer = history.newer() { line.replace(with: newer) }
      case .tab: completeWord(in: &line)
      case .clearScreen:
        send("\u{1B}[H\u{1B}[2J")
        cursorRow = 0
      default: line.apply(key)
      }
      // Of keys that came together, as in a paste without brackets, only the last state is shown.
      if !hasMore { show(prompt, line) }
    }
  }

  private func completeWord(in line: inout EditedLine) {
    let found = complete(line.text)
    guard let first = found.first else { return }
    let common = found.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
    if common.count > line.characters.count { line.replace(with: common) }
  }

  private func nextKey() -> Key? {
    while true {
      var byte: UInt8 = 0
      let count = Foundation.read(STDIN_FILENO, &byte, 1)
      if count == 1 {
        if let key = keys.append(byte) { return key }
      } else if count == 0 || errno != EINTR {
        return nil
      }
    }
  }

  private var hasMore: Bool {
    var state = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, 0) == 1 && state.revents & Int16(POLLIN) != 0
  }

  /// Draws prompt and line in place of what was drawn before.
  private func show(_ prompt: String, _ line: EditedLine) {
    let layout = LineLayout(prompt: prompt, line, width: width)
    var text = cursorRow > 0 ? "\u{1B}[\(cursorRow)A\r" : "\r"
    text += "\u{1B}[J" + layout.rows.joined(separator: "\r\n")
    // At the end of the line the cursor is where drawing leaves it.
    if line.cursor < line.characters.count {
      let up = layout.rows.count - 1 - layout.cursor.row
      if up > 0 { text += "\u{1B}[\(up)A" }
      text += "\r" + (layout.cursor.column > 0 ? "\u{1B}[\(layout.cursor.column)C" : "")
    }
    cursorRow = layout.cursor.row
    send(text)
  }

  /// Leaves the line as it is, the cursor below it.
  private func finish(_ prompt: String, _ line: EditedLine) {
    var whole = line
    whole.apply(.end)
    show(prompt, whole)
    send("\r\n")
  }

  private var width: Int {
    var size = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  private func send(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      bytes = bytes.dropFirst(written)
    }
  }
}
