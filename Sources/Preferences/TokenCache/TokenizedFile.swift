/// A tokenized preference file: its pairs, their statistics, and the lines that were skipped.
public struct TokenizedFile: Sendable {
  /// The pairs, the dropped ones among them.
  public var tokenized: TokenizedPairs
  /// Counts over the pairs.
  public var statistics: PairStatistics
  /// The lines that were skipped because they are no pairs.
  public var badLines: [BadLine]

  /// A file made of its parts; nothing is checked.
  public init(tokenized: TokenizedPairs, statistics: PairStatistics, badLines: [BadLine]) {
    self.tokenized = tokenized
    self.statistics = statistics
    self.badLines = badLines
  }
}
