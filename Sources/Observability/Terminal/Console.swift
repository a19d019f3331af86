import Foundation
import Synchronization

/// The one owner of stderr: lines of text, and below them at most one status line that is rewritten in place.
///
/// All messages go through here, so that a warning appears above the progress line and never inside it. Each call
/// reaches the descriptor in one write, so lines of several processes on one terminal stay whole. Safe from any thread.
public final class Console: Sendable {
  /// Stderr, where all messages go (results go to stdout, and not through here).
  public static let standardError = Console(descriptor: STDERR_FILENO)

  /// Whether a status line can be rewritten in place: a terminal that understands escape sequences.
  public let isInteractive: Bool
  /// Whether colours are welcome: a terminal, and `NO_COLOR` unset or empty (see no-color.org).
  public let usesColor: Bool

  private let descriptor: CInt
  private let fixedWidth: Int?
  private let status = Mutex("")

  /// A console on an open descriptor, which it does not close. What is nil is found out from the terminal and the
  /// environment; tests set it. `MINIMIND_DPO_TERMINAL_WIDTH` is set where what is written goes through a pipe to a
  /// terminal of that many columns, as `launch` passes on the messages of rank 0.
  public init(
    descriptor: CInt, isInteractive: Bool? = nil, usesColor: Bool? = nil, width: Int? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    let isTerminal = isatty(descriptor) == 1
    let widthBehindPipe =
      isTerminal ? nil : environment["MINIMIND_DPO_TERMINAL_WIDTH"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    let interactive = isInteractive ?? ((isTerminal || widthBehindPipe != nil) && environment["TERM"] != "dumb")
    self.descriptor = descriptor
    self.isInteractive = interactive
    self.usesColor = usesColor ?? (interactive && (environment["NO_COLOR"] ?? "").isEmpty)
    fixedWidth = width ?? widthBehindPipe
  }

  /// Columns of the terminal at this moment (people resize windows); 80 where there is none.
  public var width: Int {
    if let fixedWidth { return fixedWidth }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Prints a line (or several, separated by line feeds) above the status line.
  public func print(_ text: String) {
    status.withLock { status in
      send(status.isEmpty ? text + "\n" : Self.erase + text + "\n" + status)
    }
  }

  /// Shows a status line in place of the one before. It must be narrower than ``width``: a line that wraps cannot be
  /// rewritten. Where nothing can be rewritten in place, nothing is shown.
  public func show(status line: String) {
    guard isInteractive else { return }
    status.withLock { status in
      if line == status { return }
      send((status.isEmpty ? "" : Self.erase) + line)
      status = line
    }
  }

  /// Takes the status line away.
  public func clearStatus() {
    status.withLock { status in
      if !status.isEmpty { send(Self.erase) }
      status = ""
    }
  }

  /// Back to the first column, and delete to the end of the line.
  private static let erase = "\r\u{1B}[2K"

  /// Messages that cannot be written (the terminal is gone) are lost: they must not stop a training run.
  private func send(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = writeOnce(Array(bytes), to: descriptor)
      if written <= 0 { return }
      bytes = bytes.dropFirst(written)
    }
  }
}
