/// A preference file as training needs it: its pairs as tokens, and all there is to say about them.
public struct TokenizedFile: Sendable {
  /// The pairs, the dropped ones among them.
  public var tokenized: TokenizedPairs
  /// What they are worth and what they cost.
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
