/// How much a finding matters.
public enum LintSeverity: String, CaseIterable, Hashable, Sendable, Codable {
  /// The pairs teach nothing, or something wrong: a clean copy leaves them out, and `--strict` refuses the file.
  case problem
  /// Something to look at and to decide on; a clean copy keeps these pairs.
  case warning
  /// Worth knowing.
  case note
}

/// What one check found in a file: how many, where, and what is to be said about it.
public struct LintFinding: Hashable, Sendable, Codable {
  /// One of the places, for readers.
  public struct Example: Hashable, Sendable, Codable {
    /// The line of the file on which the pair starts, counted from 1.
    public var line: Int
    /// What is there.
    public var note: String
  }

  /// How many examples a finding names.
  static let exampleCount = 3

  /// The name of the check, as in `LintCheck.all`.
  public var check: String
  /// How much it matters.
  public var severity: LintSeverity
  /// How many were found, in `unit`s.
  public var count: Int
  /// Among how many.
  public var total: Int
  /// What is counted: pairs or answers.
  public var unit: String
  /// The indices of the pairs concerned, ascending.
  public var pairs: [Int]
  /// The first places.
  public var examples: [Example]
  /// What else there is to say, in a sentence; nil for nothing.
  public var remark: String?
}
