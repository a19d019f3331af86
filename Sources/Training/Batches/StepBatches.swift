import Preferences
import Synchronization

/// The packed micro-batches of one step.
struct StepBatches: Sendable {
  /// Those of this rank; none where there are fewer pairs than ranks.
  let packed: [TreeBatch]
  /// Where the pairs of each of them are in the global batch. A pair that is drawn twice has two places.
  let places: [[Int]]
  /// Pairs of the global batch.
  let pairCount: Int
  /// Target tokens of the chosen sides of the global batch.
  let chosenTargets: Int
}

/// Packs a rank's share of the pairs of any step.
struct StepBatchPacker: Sendable {
  let plan: BatchPlan
  let pairs: [TokenizedPair]
  let options: TrainingOptions
  let work: PairWork
  let rank: Int
  let worldSize: Int

  func batches(ofStep step: Int) -> StepBatches {
    let taken = plan.pairs(ofStep: step).map { pairs[$0] }
    let share = fairShares(of: taken.map { work($0) }, among: worldSize)[rank]
    let packed = options.pack(microBatches(of: share.map { taken[$0] }))
    var free = Dictionary(grouping: share) { taken[$0].index }
    return StepBatches(
      packed: packed, places: packed.map { $0.pairIndices.compactMap { free[$0]?.removeFirst() } },
      pairCount: taken.count, chosenTargets: taken.reduce(0) { $0 + $1.chosenTargets.count { $0 } })
  }

  /// Without a token budget a process alone takes its pairs in their order, `perDeviceBatchSize` at once. A rank's share was
  /// dealt by work and may have more pairs, of fewer tokens: it is divided evenly instead of cutting small pieces off.
  private func microBatches(of own: [TokenizedPair]) -> [[TokenizedPair]] {
    if let tokens = options.microBatchTokens { return options.divideEvenly(own, atMost: tokens) }
    guard worldSize > 1 else { return options.divide(own) }
    let units = options.units(of: own)
    return fairShares(of: units.map { work($0) }, among: options.accumulationSteps).map { $0.flatMap { units[$0] } }
  }
}

/// The micro-batches of the steps in order, packed ahead on another thread.
final class StepBatchSource {
  private var ahead: Prefetcher<StepBatches>?

  deinit { ahead?.cancel() }

  /// The micro-batches of the next step.
  ///
  /// - Parameter packer: used where the thread is yet to be started: at the first step, and after `restart()`
  func next(step: Int, of total: Int, packedBy packer: @autoclosure () -> StepBatchPacker) -> StepBatches {
    if let ready = ahead?.next() { return ready }
    let packer = packer()
    let steps = StepCounter(next: step + 1, last: total)
    ahead = Prefetcher { steps.advance().map(packer.batches(ofStep:)) }
    return packer.batches(ofStep: step)
  }

  /// What was packed ahead is no longer wanted: the next step, or how it is divided, has changed.
  func restart() {
    ahead?.cancel()
    ahead = nil
  }
}

/// Counts through the steps that remain to be packed.
private final class StepCounter: Sendable {
  private let next: Mutex<Int>
  private let last: Int

  init(next: Int, last: Int) {
    self.next = Mutex(next)
    self.last = last
  }

  /// The next step, or nil after the last.
  func advance() -> Int? {
    next.withLock { next in
      guard next <= last else { return nil }
      defer { next += 1 }
      return next
    }
  }
}
