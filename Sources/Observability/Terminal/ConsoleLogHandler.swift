import Logging

/// A swift-log handler that writes tidy lines to the console: `warning: the message (key: value)`.
///
///     LoggingSystem.bootstrap { _ in ConsoleLogHandler(rank: rank, worldSize: worldSize) }
public struct ConsoleLogHandler: LogHandler {
  /// The least level that is written.
  public var logLevel: Logger.Level
  /// Values that go with every message of this logger.
  public var metadata: Logger.Metadata = [:]
  /// Values asked for at each message.
  public var metadataProvider: Logger.MetadataProvider?

  private let console: Console
  private let prefix: String

  /// A handler for one process of a job. Of several processes each line names its rank: `[rank 3] info: …`.
  public init(
    on console: Console = .standardError, level: Logger.Level = .info, rank: Int = 0, worldSize: Int = 1
  ) {
    self.console = console
    logLevel = level
    prefix = worldSize > 1 ? "[rank \(rank)] " : ""
  }

  /// One of the values that go with every message.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a message.
  public func log(event: LogEvent) {
    let values =
      metadata
      .merging(metadataProvider?.get() ?? [:]) { $1 }
      .merging(event.metadata ?? [:]) { $1 }
    var text = event.message.description
    if let error = event.error { text += ": \(error)" }
    if !values.isEmpty {
      text += " (" + values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + ")"
    }
    console.print(prefix + label(event.level) + " " + fitted(Self.printable(text), after: prefix, event.level))
  }

  /// On a terminal, lines are broken where words end: it would break them within numbers.
  private func fitted(_ text: String, after prefix: String, _ level: Logger.Level) -> String {
    guard console.isInteractive else { return text }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().map { number, line in
      let taken = number == 0 ? TerminalText.columns(prefix + level.rawValue) + 2 : 0
      guard taken + TerminalText.columns(String(line)) > console.width else { return String(line) }
      let indent = String(line.prefix { $0 == " " }) + (number == 0 ? "  " : "    ")
      // The words before the text take room in its first line only; so narrow lines are no loss.
      let wrapped = TerminalText.wrapped(String(line), width: max(20, console.width - max(taken, indent.count)))
      let rest = wrapped.split(separator: "\n").map(String.init)
      let first = number == 0 ? "" : String(line.prefix { $0 == " " })
      return first + rest.joined(separator: "\n" + indent)
    }.joined(separator: "\n")
  }

  private func label(_ level: Logger.Level) -> String {
    let word = level.rawValue + ":"
    guard console.usesColor else { return word }
    let color =
      switch level {
      case .critical, .error: 31  // red
      case .warning: 33  // yellow
      case .trace, .debug: 90  // grey
      case .info, .notice: 36  // cyan
      }
    return "\u{1B}[\(color)m\(word)\u{1B}[0m"
  }

  /// Messages quote data and file names: control characters in them must not reach the terminal. Lines after the first
  /// are indented, so that a reader sees where the next message begins.
  private static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\n  "
      case "\t": result += "\t"
      case _ where scalar.properties.generalCategory == .control: result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
