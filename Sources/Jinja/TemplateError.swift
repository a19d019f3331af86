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

/// What a template may use up, so that a hostile one ends with an error and not with a crash.
enum Limit {
  /// Levels of blocks, brackets and signs in the source.
  static let nesting = 100
  /// Levels of an expression, for example the terms of a sum.
  static let expressionDepth = 400
  /// Levels of the template that are active at once, over all macro calls.
  static let activeLevels = 2_000
  /// Levels of lists within lists; the first 512 are what JSON may have.
  static let valueDepth = 768
  /// The longest `range`, as in Jinja's sandbox.
  static let range = 100_000
  /// Bytes written or copied over a whole rendering, loops included at `turn` each: a long conversation needs a hundredth.
  static let work = 1 << 28
  /// What a turn of a loop or a call of a macro counts as.
  static let turn = 128
}
