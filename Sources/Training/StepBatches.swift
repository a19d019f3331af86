import Preferences

/// The packed micro-batches of one step.
struct StepBatches: Sendable {
  /// Those of this rank; none where there are fewer pairs than ranks.
  let packed: [TreeBatch]
  /// Pairs of the whole step, over all ranks.
  let pairCount: Int
}

/// Packs a rank's share of the pairs of any step.
struct StepBatchMaker: Sendable {
  let plan: BatchPlan
  let pairs: [TokenizedPair]
  let options: TrainingOptions
  let work: PairWork
  let rank: Int
  let worldSize: Int

  func batches(ofStep step: Int) -> StepBatches {
    let chosen = plan.pairs(ofStep: step).map { pairs[$0] }
    let own = fairShares(of: chosen.map { work($0) }, among: worldSize)[rank].map { chosen[$0] }
    return StepBatches(packed: options.pack(microBatches(of: own)), pairCount: chosen.count)
  }

  /// Without a limit of tokens a process alone takes its pairs in their order, so many at once. A share by work may have
  /// more pairs, of fewer tokens: counting them would cut small pieces off, so it is divided evenly instead.
  private func microBatches(of own: [TokenizedPair]) -> [[TokenizedPair]] {
    if let tokens = options.microBatchTokens { return options.divideEvenly(own, atMost: tokens) }
    guard worldSize > 1 else { return options.divide(own) }
    return fairShares(of: own.map { work($0) }, among: options.accumulationSteps).map { $0.map { own[$0] } }
  }
}
