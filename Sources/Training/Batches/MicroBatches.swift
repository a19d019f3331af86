import Preferences

extension TrainingOptions {
  /// Pairs that run together for the sake of a prompt that they share, each group small enough for a micro-batch.
  func units(of pairs: [TokenizedPair]) -> [[TokenizedPair]] {
    guard sharesPrefix else { return pairs.map { [$0] } }
    let count = min(perDeviceBatchSize, TreeBatch.mostPairsOfTree)
    return promptGroups(of: pairs, atMost: count).map { $0.map { pairs[$0] } }
  }

  /// Divides pairs into micro-batches of at most `perDeviceBatchSize` pairs, in order but for those of a prompt, which
  /// follow each other.
  func divide(_ pairs: [TokenizedPair]) -> [[TokenizedPair]] {
    let pairs = units(of: pairs).flatMap(\.self)
    return stride(from: 0, to: pairs.count, by: perDeviceBatchSize).map {
      Array(pairs[$0..<min($0 + perDeviceBatchSize, pairs.count)])
    }
  }

  /// Divides pairs into the fewest micro-batches of about equal size within a token budget; a pair that exceeds it
  /// alone is a micro-batch of its own.
  func divideEvenly(_ pairs: [TokenizedPair], atMost tokens: Int) -> [[TokenizedPair]] {
    guard !pairs.isEmpty else { return [] }
    let units = units(of: pairs).flatMap { unit in
      unit.tokens(sharingPrefix: sharesPrefix) <= tokens ? [unit] : unit.map { [$0] }
    }
    let lengths = units.map { $0.tokens(sharingPrefix: sharesPrefix) }
    let fewest = (lengths.reduce(0, +) + tokens - 1) / tokens
    for count in min(max(1, fewest), units.count)..<units.count {
      let groups = fairShares(of: lengths, among: count)
      let fits = groups.allSatisfy { $0.count < 2 || $0.reduce(0) { $0 + lengths[$1] } <= tokens }
      if fits { return groups.map { $0.flatMap { units[$0] } } }
    }
    return units
  }

  /// Lays out each micro-batch for the model.
  func pack(_ groups: [[TokenizedPair]]) -> [TreeBatch] {
    groups.filter { !$0.isEmpty }.map { TreeBatch($0, sharesPrefix: sharesPrefix) }
  }
}
