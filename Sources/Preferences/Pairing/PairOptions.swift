/// How pairs become tokens.
public struct PairOptions: Hashable, Sendable {
  /// Which end of a side is kept when it is longer than the maximum.
  public enum TruncationMode: String, CaseIterable, Hashable, Sendable {
    /// The beginning: the end of the reply is cut off (MiniMind, and TRL's default).
    case keepStart = "keep_start"
    /// The end: the beginning of the prompt is cut off.
    case keepEnd = "keep_end"
  }

  /// How empty thinking blocks are treated, `<think>\n\n</think>\n\n`, which MiniMind's template writes into every
  /// reply that has no reasoning.
  public enum EmptyThink: String, CaseIterable, Hashable, Sendable {
    /// They stay, as the template wrote them.
    case keep
    /// All of them are deleted.
    case drop
    /// They are deleted in 80 % of the pairs, as MiniMind does it. The choice is made once per pair, for both sides
    /// alike: a pair that differed in its thinking block would teach nothing but that.
    case random
  }

  /// Which tokens are targets.
  public enum CompletionMask: String, CaseIterable, Hashable, Sendable {
    /// The assistant turns after the messages that both sides share.
    case lastTurns = "last-turns"
    /// All assistant turns, as MiniMind does it.
    case all
  }

  /// How many tokens of a side are kept; at least 2, since the first token of a text is never predicted.
  public var maxLength: Int
  /// Which end is kept.
  public var truncationMode: TruncationMode
  /// How empty thinking blocks are treated.
  public var emptyThink: EmptyThink
  /// Which tokens are targets.
  public var completionMask: CompletionMask
  /// Write plain-text pairs as a question and two answers with the chat template; without it they stay plain text.
  public var applyChatTemplate: Bool
  /// The seed of the random choices.
  public var seed: UInt64
  /// Drop pairs that the chat template refuses, instead of refusing the whole file.
  public var skipBadLines: Bool
  /// The keys of the parts of a pair in the file, where these are not the usual ones.
  public var columns = ColumnNames()
  /// What a record of the file is.
  public var examples = ExampleKind.pairs
  /// How many of a file's first lines are read; nil for all.
  public var maxSamples: Int?
  /// The least score margin of a pair to train on; nil for any. Pairs without scores are kept.
  public var minimumMargin: Double?

  /// Options; the defaults are those of the command line.
  public init(
    maxLength: Int = 1024, truncationMode: TruncationMode = .keepStart, emptyThink: EmptyThink = .keep,
    completionMask: CompletionMask = .lastTurns, applyChatTemplate: Bool = false, seed: UInt64 = 42,
    skipBadLines: Bool = false
  ) {
    self.maxLength = maxLength
    self.truncationMode = truncationMode
    self.emptyThink = emptyThink
    self.completionMask = completionMask
    self.applyChatTemplate = applyChatTemplate
    self.seed = seed
    self.skipBadLines = skipBadLines
  }

  /// The probability with which MiniMind deletes an empty thinking block.
  static let dropProbability = 0.8

  /// Whether the empty thinking blocks of a pair are deleted. Depends on nothing but the seed and the pair's index:
  /// the generator of stream 0x7468696E6B000000 ("think") + index gives a `unit()` below 0.8.
  public func dropsEmptyThink(ofPair index: Int) -> Bool {
    switch emptyThink {
    case .keep: return false
    case .drop: return true
    case .random:
      var generator = SeededGenerator(seed: seed, stream: 0x7468_696E_6B00_0000 &+ UInt64(index))
      return generator.unit() < Self.dropProbability
    }
  }
}
