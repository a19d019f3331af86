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
  let rank: Int
  let worldSize: Int

  func batches(ofStep step: Int) -> StepBatches {
    let chosen = plan.pairs(ofStep: step).map { pairs[$0] }
    let costs = chosen.map { $0.tokens(sharingPrefix: options.sharesPrefix) }
    let own = fairShares(of: costs, among: worldSize)[rank].map { chosen[$0] }
    return StepBatches(packed: options.microBatches(of: own), pairCount: chosen.count)
  }
}

extension [TokenizedPair] {
  /// The longest first: if memory does not suffice, it shows at once.
  var longestFirst: [TokenizedPair] { sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) } }
}
