/// Why a template could not be read or rendered, and the line of the template where it happened.
public struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of errors; `syntax` and `unsupported` are found when a template is read, the others when it runs.
  public enum Reason: Hashable, Sendable {
    /// The text is not a Jinja template.
    case syntax
    /// The template uses a part of Jinja that is not supported.
    case unsupported
    /// The template itself refused its input by calling `raise_exception`; the message is the template's own.
    case raised
    /// A value was used that does not exist.
    case undefined
    /// The template tried what the sandbox forbids, such as changing a list.
    case forbidden
    /// An operation failed; Python would have raised a `TypeError`, `ValueError` or the like.
    case runtime
    /// The template nests too deeply or works too long.
    case limit
  }

  /// The kind of error.
  public let reason: Reason
  /// What was wrong.
  public let message: String
  /// The line in the template, counted from 1; 0 where it is not known.
  public internal(set) var line: Int

  package init(_ reason: Reason, _ message: String, line: Int = 0) {
    self.reason = reason
    self.message = message
    self.line = line
  }

  /// Names the line and the reason.
  public var description: String { line > 0 ? "chat template, line \(line): \(message)" : "chat template: \(message)" }

  static func runtime(_ message: String) -> TemplateError { TemplateError(.runtime, message) }
}
