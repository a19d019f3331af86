import Preferences
import Torch

/// The micro-batches of a pass without gradients: the longest pairs first, so that a lack of memory shows at once, each
/// followed by the others of its prompt, and as many together as have the tokens of a micro-batch of the longest; fewer
/// where memory does not suffice.
struct ForwardPasses {
  private let options: TrainingOptions
  private var rest: [TokenizedPair]
  private var budget: Int

  init(over pairs: [TokenizedPair], options: TrainingOptions) {
    self.options = options
    let ordered = pairs.sorted {
      ($0.tokens(sharingPrefix: options.sharesPrefix), $1.index)
        > ($1.tokens(sharingPrefix: options.sharesPrefix), $0.index)
    }
    let count = options.sharesPrefix ? TreeBatch.mostPairsOfTree : 1
    rest = promptGroups(of: ordered, atMost: count).flatMap { $0.map { ordered[$0] } }
    let longest = rest.first?.tokens(sharingPrefix: options.sharesPrefix) ?? 0
    budget = options.microBatchTokens ?? options.perDeviceBatchSize * longest
  }

  /// The micro-batch whose turn it is; nil after the last one.
  var next: TreeBatch? { rest.isEmpty ? nil : TreeBatch(group, sharesPrefix: options.sharesPrefix) }

  /// Moves on to the next one.
  mutating func advance() { rest.removeFirst(group.count) }

  /// Takes fewer pairs instead.
  ///
  /// - Throws: the error, where it is not that memory ran out, or it was a single pair.
  mutating func shrink(after error: TorchError) throws(TorchError) {
    let failed = group
    guard error.kind == .outOfMemory, failed.count > 1 else { throw error }
    if CUDA.isBuiltIn { try CUDA.releaseCachedMemory() }
    budget = tokens(of: failed) / 2
  }

  private var group: [TokenizedPair] {
    var room = budget
    var group: [TokenizedPair] = []
    for pair in rest {
      room -= tokens(of: pair, after: group.last)
      if room < 0, !group.isEmpty { break }
      group.append(pair)
    }
    return group
  }

  private func tokens(of pairs: [TokenizedPair]) -> Int {
    zip(pairs, [nil] + pairs.map(Optional.some)).reduce(0) { $0 + tokens(of: $1.0, after: $1.1) }
  }

  /// What a pair adds to a micro-batch whose last pair is another one, perhaps of the same prompt.
  private func tokens(of pair: TokenizedPair, after last: TokenizedPair?) -> Int {
    let own = pair.tokens(sharingPrefix: options.sharesPrefix)
    guard options.sharesPrefix, let last, last.promptKey == pair.promptKey, pair.promptKey != 0 else { return own }
    return own - [last, pair].sharedPrefix
  }
}
