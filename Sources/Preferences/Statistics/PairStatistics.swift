import OrderedJSON

/// Counts over a preference file: what it holds, and what training on it costs. Dropped pairs are included unless a
/// property says otherwise.
public struct PairStatistics: Hashable, Sendable, Codable {
  /// How many pairs, or texts, the file holds.
  public var pairs = 0
  /// Whether they are texts to imitate.
  public var areTexts = false
  /// How many of them are trained on.
  public var usablePairs = 0
  /// How many were dropped for each reason that occurred.
  public var dropped: [DropReason: Int] = [:]
  /// The maximal length the pairs were cut to.
  public var maxLength = 0

  /// Tokens of both sides after truncation, the shared prefix counted twice.
  public var tokens = 0
  /// Tokens after truncation with the shared prefix of a pair once: what is computed.
  public var treeTokens = 0
  /// Tokens that MiniMind would compute: each side padded to the maximal length, without the last token, which is only a
  /// target: pairs · 2 · (maxLength − 1).
  public var paddedTokens = 0
  /// Tree tokens of the pairs that are trained on.
  public var usableTreeTokens = 0
  /// Target tokens of both sides of the pairs that are trained on.
  public var targetTokens = 0
  /// Sides from which tokens were cut off, of 2 · pairs.
  public var truncatedSides = 0

  /// Lengths of prompts before truncation, in tokens.
  public var promptLengths = Percentiles()
  /// Lengths of chosen completions (without the prompt) before truncation, in tokens.
  public var chosenLengths = Percentiles()
  /// Lengths of rejected completions (without the prompt) before truncation, in tokens.
  public var rejectedLengths = Percentiles()
  /// Pairs whose chosen completion has more tokens than the rejected one.
  public var chosenIsLonger = 0
  /// Pairs whose completions have equally many tokens.
  public var equallyLong = 0

  /// Pairs that repeat an earlier pair, word for word.
  public var duplicatePairs = 0
  /// Pairs whose prompt is that of an earlier pair.
  public var duplicatePrompts = 0
  /// Pairs whose sides differ before their last turn.
  public var differingPrompts = 0

  /// Pairs with scores of both answers.
  public var scoredPairs = 0
  /// Pairs without scores that are trained on although a least margin was asked for.
  public var unscoredPairsKept = 0

  /// Keys of the file that are no part of a pair, and in how many lines each occurs.
  public var unusedKeys: [String: Int] = [:]
  /// Plain-text pairs that stay plain text although the tokenizer has a chat template.
  public var plainTextPairsBesideTemplate = 0

  /// No pairs.
  public init() {}

  /// Counts pairs.
  /// - Parameters:
  ///   - pairs: the pairs as read.
  ///   - tokenized: the same pairs as tokens, in the same order.
  ///   - hasChatTemplate: whether the tokenizer has a chat template.
  public init(pairs: [PreferencePair], tokenized: TokenizedPairs, hasChatTemplate: Bool = false) {
    self.pairs = tokenized.pairs.count
    maxLength = tokenized.options.maxLength
    areTexts = tokenized.options.examples.areTexts
    dropped = tokenized.dropCounts
    paddedTokens = tokenized.pairs.count * (tokenized.options.examples.areTexts ? 1 : 2) * (maxLength - 1)
    for pair in tokenized.pairs { count(pair) }
    if tokenized.options.minimumMargin != nil {
      unscoredPairsKept = tokenized.pairs.count { $0.dropReason == nil && $0.scoreMargin == nil }
    }

    let rendered = tokenized.pairs.filter { $0.dropReason != .notRenderable }
    promptLengths = Percentiles(rendered.map(\.promptLength))
    chosenLengths = Percentiles(rendered.map { $0.chosenLength - $0.promptLength })
    rejectedLengths = Percentiles(rendered.map { $0.rejectedLength - $0.promptLength })

    var seenPairs: Set<PairKey> = []
    var seenPrompts: Set<PairKey> = []
    for pair in pairs {
      if !seenPairs.insert(PairKey(whole: pair)).inserted { duplicatePairs += 1 }
      if !seenPrompts.insert(PairKey(promptOf: pair)).inserted { duplicatePrompts += 1 }
      if pair.promptsDiffer { differingPrompts += 1 }
      if hasChatTemplate, case .text = pair.content { plainTextPairsBesideTemplate += 1 }
      for key in pair.unusedKeys { unusedKeys[key, default: 0] += 1 }
    }
  }

  private mutating func count(_ pair: TokenizedPair) {
    tokens += pair.chosenIDs.count + pair.rejectedIDs.count
    treeTokens += pair.treeLength
    truncatedSides += (pair.chosenIsTruncated ? 1 : 0) + (pair.rejectedIsTruncated ? 1 : 0)
    if pair.scoreMargin != nil { scoredPairs += 1 }
    if pair.chosenLength > pair.rejectedLength { chosenIsLonger += 1 }
    if pair.chosenLength == pair.rejectedLength { equallyLong += 1 }
    if pair.dropReason == nil {
      usablePairs += 1
      usableTreeTokens += pair.treeLength
      targetTokens += pair.chosenTargets.count { $0 } + pair.rejectedTargets.count { $0 }
    }
  }

  /// How many times fewer tokens are computed than with padding to the maximum.
  public var savingOverPadding: Double { ratio(paddedTokens, usableTreeTokens) }
  /// How many times fewer tokens are computed than with both sides whole.
  public var savingOverSides: Double { ratio(tokens, usableTreeTokens) }
  /// The share of pairs whose chosen completion is the longer one, among those of different length. Far from 0.5, the
  /// model may learn length instead of quality.
  public var chosenIsLongerShare: Double { ratio(chosenIsLonger, pairs - equallyLong) }

  private func ratio(_ numerator: Int, _ denominator: Int) -> Double {
    denominator == 0 ? 0 : Double(numerator) / Double(denominator)
  }
}
