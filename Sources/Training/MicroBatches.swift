import Preferences

extension TrainingOptions {
  /// Divides pairs into micro-batches and packs them, in order.
  ///
  /// A micro-batch has at the most `perDeviceBatchSize` pairs and, but for a single pair that exceeds them alone,
  /// `microBatchTokens` tokens.
  func microBatches(of pairs: [TokenizedPair]) -> [TreeBatch] {
    var groups: [[TokenizedPair]] = []
    var current: [TokenizedPair] = []
    var tokens = 0
    for pair in pairs {
      let length = pair.tokens(sharingPrefix: sharesPrefix)
      let exceeds = microBatchTokens.map { tokens + length > $0 } ?? false
      if !current.isEmpty, current.count == perDeviceBatchSize || exceeds {
        groups.append(current)
        current = []
        tokens = 0
      }
      current.append(pair)
      tokens += length
    }
    if !current.isEmpty { groups.append(current) }
    return groups.map { TreeBatch($0, sharesPrefix: sharesPrefix) }
  }
}
