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
    console.print(prefix + label(event.level) + " " + Self.printable(text))
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
