import Preferences

extension TrainingOptions {
  /// Divides pairs into micro-batches of at most `perDeviceBatchSize` pairs, in order.
  func divide(_ pairs: [TokenizedPair]) -> [[TokenizedPair]] {
    stride(from: 0, to: pairs.count, by: perDeviceBatchSize).map {
      Array(pairs[$0..<min($0 + perDeviceBatchSize, pairs.count)])
    }
  }

  /// Divides pairs into the fewest micro-batches of about equal size within a token budget; a pair that exceeds it
  /// alone is a micro-batch of its own.
  func divideEvenly(_ pairs: [TokenizedPair], atMost tokens: Int) -> [[TokenizedPair]] {
    guard !pairs.isEmpty else { return [] }
    let lengths = pairs.map { $0.tokens(sharingPrefix: sharesPrefix) }
    let fewest = (lengths.reduce(0, +) + tokens - 1) / tokens
    for count in min(max(1, fewest), pairs.count)..<pairs.count {
      let groups = fairShares(of: lengths, among: count)
      let fits = groups.allSatisfy { $0.count < 2 || $0.reduce(0) { $0 + lengths[$1] } <= tokens }
      if fits { return groups.map { $0.map { pairs[$0] } } }
    }
    return pairs.map { [$0] }
  }

  /// Lays out each micro-batch for the model.
  func pack(_ groups: [[TokenizedPair]]) -> [TreeBatch] {
    groups.filter { !$0.isEmpty }.map { TreeBatch($0, sharesPrefix: sharesPrefix) }
  }
}
