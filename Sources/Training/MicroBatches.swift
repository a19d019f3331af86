import Preferences

extension TrainingOptions {
  /// Divides pairs into micro-batches of at most `perDeviceBatchSize` pairs and packs them, in order.
  func microBatches(of pairs: [TokenizedPair]) -> [TreeBatch] { pack(divide(pairs, atMost: perDeviceBatchSize)) }

  /// Divides pairs into micro-batches, in order: of at most `count` pairs and, but for a single pair that exceeds them
  /// alone, `microBatchTokens` tokens.
  func divide(_ pairs: [TokenizedPair], atMost count: Int) -> [[TokenizedPair]] {
    var groups: [[TokenizedPair]] = []
    var current: [TokenizedPair] = []
    var tokens = 0
    for pair in pairs {
      let length = pair.tokens(sharingPrefix: sharesPrefix)
      let exceeds = microBatchTokens.map { tokens + length > $0 } ?? false
      if !current.isEmpty, current.count == count || exceeds {
        groups.append(current)
        current = []
        tokens = 0
      }
      current.append(pair)
      tokens += length
    }
    if !current.isEmpty { groups.append(current) }
    return groups
  }

  /// Lays out each micro-batch for the model.
  func pack(_ groups: [[TokenizedPair]]) -> [TreeBatch] { groups.map { TreeBatch($0, sharesPrefix: sharesPrefix) } }
}
