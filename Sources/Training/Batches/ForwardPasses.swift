import Preferences
import Torch

/// The micro-batches of a pass without gradients: the longest pairs first, so that a lack of memory shows at once, and as many
/// together as have the tokens of a micro-batch of the longest; fewer where memory does not suffice.
struct ForwardPasses {
  private let options: TrainingOptions
  private var rest: [TokenizedPair]
  private var budget: Int

  init(over pairs: [TokenizedPair], options: TrainingOptions) {
    self.options = options
    rest = pairs.sorted {
      ($0.tokens(sharingPrefix: options.sharesPrefix), $1.index)
        > ($1.tokens(sharingPrefix: options.sharesPrefix), $0.index)
    }
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
    budget = failed.reduce(0) { $0 + tokens(of: $1) } / 2
  }

  private var group: [TokenizedPair] {
    var room = budget
    var count = 0
    for pair in rest {
      room -= tokens(of: pair)
      if room < 0 { break }
      count += 1
    }
    return Array(rest.prefix(max(1, count)))
  }

  private func tokens(of pair: TokenizedPair) -> Int { pair.tokens(sharingPrefix: options.sharesPrefix) }
}
