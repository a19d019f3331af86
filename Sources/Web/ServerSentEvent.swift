/// A message of a stream that a browser's `EventSource` reads (HTML Living Standard, section 9.2).
public struct ServerSentEvent: Sendable, Hashable {
  /// Which listener of the page is meant; nil for `onmessage`.
  public var name: String?
  /// The content; its lines are kept.
  public var data: String

  /// A message.
  public init(_ data: String, name: String? = nil) { (self.data, self.name) = (data, name) }

  /// The lines on the wire, with the empty one that ends a message.
  public var text: String {
    var text = ""
    if let name { text += "event: \(name.split(whereSeparator: \.isNewline).joined(separator: " "))\n" }
    // A return within JSON is escaped there; elsewhere it would end the line.
    let lines = data.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
    for line in lines { text += "data: \(line)\n" }
    return text + "\n"
  }

  /// A line that readers pass over. It keeps proxies from closing a silent connection, and finds out whether the reader has gone.
  static let heartbeat = ": still here\n\n"
}
