/// A tokenized preference file: its pairs, their statistics, what the linter found, and the lines that were skipped.
public struct TokenizedFile: Sendable {
  /// The pairs, the dropped ones among them.
  public var tokenized: TokenizedPairs
  /// Counts over the pairs.
  public var statistics: PairStatistics
  /// What the linter found in it.
  public var lint: LintReport
  /// The lines that were skipped because they are no pairs.
  public var badLines: [BadLine]

  /// A file made of its parts; nothing is checked.
  public init(
    tokenized: TokenizedPairs, statistics: PairStatistics, lint: LintReport = LintReport(), badLines: [BadLine]
  ) {
    self.tokenized = tokenized
    self.statistics = statistics
    self.lint = lint
    self.badLines = badLines
  }
}
