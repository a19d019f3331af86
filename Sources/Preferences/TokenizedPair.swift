/// Why a pair is left out of training.
public enum DropReason: String, CaseIterable, Hashable, Sendable, Codable, CodingKeyRepresentable {
  /// Both sides are the same tokens.
  case identical
  /// Both sides are the same tokens once they are cut to the maximal length.
  case identicalAfterTruncation = "identical after truncation"
  /// Neither side has a target token: no assistant turn, or nothing of it within the maximal length.
  case noTargets = "no target token on either side"
  /// One side has target tokens and the other none, so that there is nothing to compare.
  case oneSideWithoutTargets = "no target token on one side"
  /// The sides differ, but in no target token: what they could teach cancels.
  case noDifferingTargets = "no target token where the sides differ"
  /// The chat template refused the conversation (only where bad lines are skipped).
  case notRenderable = "refused by the chat template"
}

/// A pair as token ids, cut to the maximal length, with the tokens marked over which the losses are taken.
public struct TokenizedPair: Hashable, Sendable {
  /// The pair's place in its file, counted from 0.
  public var index: Int
  /// The line of the file on which the pair starts, counted from 1.
  public var line: Int
  /// The chosen side, from its first token.
  public var chosenIDs: [Int32]
  /// The rejected side, from its first token.
  public var rejectedIDs: [Int32]
  /// Whether each token of the chosen side is a target, that is, whether its own log-probability counts. The first
  /// token never is: nothing predicts it.
  public var chosenTargets: [Bool]
  /// Whether each token of the rejected side is a target.
  public var rejectedTargets: [Bool]
  /// How many leading tokens both sides share after truncation; targets among them count on both sides.
  public var sharedPrefix: Int
  /// Why the pair is left out; nil for a pair to train on.
  public var dropReason: DropReason?
  /// The length of the prompt in tokens before truncation: up to the first reply that is compared.
  public var promptLength: Int
  /// The length of the chosen side in tokens before truncation, prompt included.
  public var chosenLength: Int
  /// The length of the rejected side in tokens before truncation, prompt included.
  public var rejectedLength: Int

  /// A pair made of its parts; nothing is checked.
  public init(
    index: Int, line: Int = 1, chosenIDs: [Int32], rejectedIDs: [Int32], chosenTargets: [Bool],
    rejectedTargets: [Bool], sharedPrefix: Int, dropReason: DropReason? = nil, promptLength: Int = 0,
    chosenLength: Int? = nil, rejectedLength: Int? = nil
  ) {
    self.index = index
    self.line = line
    self.chosenIDs = chosenIDs
    self.rejectedIDs = rejectedIDs
    self.chosenTargets = chosenTargets
    self.rejectedTargets = rejectedTargets
    self.sharedPrefix = sharedPrefix
    self.dropReason = dropReason
    self.promptLength = promptLength
    self.chosenLength = chosenLength ?? chosenIDs.count
    self.rejectedLength = rejectedLength ?? rejectedIDs.count
  }

  /// Whether tokens of the chosen side were cut off.
  public var chosenIsTruncated: Bool { chosenIDs.count < chosenLength }
  /// Whether tokens of the rejected side were cut off.
  public var rejectedIsTruncated: Bool { rejectedIDs.count < rejectedLength }
  /// The tokens of the pair with the shared prefix once: prefix, chosen tail, rejected tail.
  public var treeLength: Int { chosenIDs.count + rejectedIDs.count - sharedPrefix }
}

/// The pairs of a file as tokens, the dropped ones among them.
public struct TokenizedPairs: Sendable {
  /// All pairs in file order.
  public let pairs: [TokenizedPair]
  /// How they were made.
  public let options: PairOptions

  /// Pairs made elsewhere, for instance read from a cache.
  public init(pairs: [TokenizedPair], options: PairOptions) {
    self.pairs = pairs
    self.options = options
  }

  /// The pairs to train on, in file order.
  /// - Throws: `PairError.allDropped` if there is none.
  public func usable() throws(PairError) -> [TokenizedPair] {
    let usable = pairs.filter { $0.dropReason == nil }
    guard !usable.isEmpty else {
      // Only what was cut off can be had back by a greater maximal length.
      let cut = options.truncationMode == .keepStart ? pairs.filter { $0.dropReason != .identical } : []
      throw .allDropped(
        counts: dropCounts, maxLength: options.maxLength, shortestPrompt: cut.map(\.promptLength).min() ?? 0)
    }
    return usable
  }

  /// How many pairs were dropped for each reason that occurred.
  public var dropCounts: [DropReason: Int] {
    pairs.reduce(into: [:]) { counts, pair in
      if let reason = pair.dropReason { counts[reason, default: 0] += 1 }
    }
  }

  /// The largest token id of any pair; nil if there is no token. A model whose vocabulary is not larger cannot be
  /// trained on these pairs.
  public var largestID: Int32? {
    pairs.lazy.compactMap { [$0.chosenIDs.max(), $0.rejectedIDs.max()].compactMap { $0 }.max() }.max()
  }
}
