/// Why an object is not a preference pair, in one sentence.
public struct UnusableRecord: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, what was expected, and what to do.
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// A line of a preference file that is not a pair.
public struct BadLine: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  /// The line, counted from 1; in a JSON array the line on which the element starts or, for a syntax error, the line
  /// of the error.
  public var line: Int
  /// What is wrong, what was expected, and what to do.
  public var reason: String

  /// A line and what is wrong with it.
  public init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }

  /// The line and the reason.
  public var description: String { "line \(line): \(reason)" }
}
