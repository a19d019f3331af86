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

  /// The pairs of several files, one file after the other, each with an index of its own and the place of its file.
  public init(joining files: [TokenizedPairs], options: PairOptions) {
    var pairs: [TokenizedPair] = []
    for (place, file) in files.enumerated() {
      let first = pairs.count
      pairs += file.pairs.map { pair in
        var pair = pair
        pair.index += first
        pair.source = place
        return pair
      }
    }
    self.init(pairs: pairs, options: options)
  }

  /// The pairs to train on, in file order.
  /// - Throws: `PairError.allDropped` if there is none.
  public func usable() throws(PairError) -> [TokenizedPair] {
    let usable = pairs.filter { $0.dropReason == nil }
    guard !usable.isEmpty else {
      // A greater maximal length brings back only what was cut off.
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
