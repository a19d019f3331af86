import DPO
import Preferences
import Torch

/// The time that the rest of a run takes, from a few passes that were measured.
public struct TimeEstimate: Sendable {
  /// Micro-batches that were measured.
  public let measured: Int
  /// Of an update of the weights, in seconds.
  public let update: Double
  /// Forward and backward passes of all steps, and their updates, in seconds.
  public let training: Double
  /// The reference's log-probabilities that are computed before the first step, in seconds.
  public let reference: Double
  /// All evaluations together, in seconds.
  public let evaluation: Double
  /// Optimizer steps.
  public let steps: Int

  /// All of it, in seconds.
  public var total: Double { training + reference + evaluation }
}

extension Trainer {
  /// Runs a few micro-batches of the run for their time and reckons with it what the whole run takes. Work is counted in
  /// multiplications (`PairWork`), so that long and short pairs count for what they are.
  ///
  /// The weights stay as they are; gradients and the optimizer's moments do not.
  ///
  /// - Parameters:
  ///   - evaluationPairs: the held-out pairs
  ///   - evaluations: how often these are measured
  /// - Throws: `TorchError`, of kind `outOfMemory` where a micro-batch does not fit.
  public func estimateTime(evaluationPairs: [TokenizedPair] = [], evaluations: Int = 0) throws -> TimeEstimate {
    let samples = timedMicroBatches
    try gradients.begin(pairs: plan.globalBatchSize)
    // The first pass of a process asks the system for all of its memory, and on a GPU it is not recorded yet.
    for _ in 0..<(passes is RecordedPasses ? 2 : 1) {
      if let first = samples.first { _ = try seconds { try runForTime(first.batch) } }
    }
    var (time, measuredWork) = (0.0, 0.0)
    for sample in samples {
      if passes is RecordedPasses { for _ in 0..<2 { try runForTime(sample.batch) } }
      time += try seconds { try runForTime(sample.batch) }
      measuredWork += sample.work
    }
    let update = try updateSeconds()
    let rate = measuredWork > 0 ? time / measuredWork : 0
    // Backward costs two forward passes, a reference that runs along one more.
    let forward = rate / (reference?.keepsResults == false ? 4 : 3)
    let steps = plan.totalSteps - completedSteps
    let precomputed = reference?.keepsResults == true ? forward * work(of: pairsOfRun) : 0
    // Held-out pairs run through the policy each time, through the reference once.
    let passesOverHeldOut = Double(evaluations + (reference == nil || evaluations == 0 ? 0 : 1))
    return TimeEstimate(
      measured: samples.count, update: update,
      training: (rate + (countsExpertsAhead ? forward : 0)) * workOfSteps() + Double(steps) * update,
      reference: precomputed,
      evaluation: forward * work(of: evaluationPairs) * passesOverHeldOut, steps: steps)
  }

  /// A micro-batch and its work, over this process's steps: the first, one in the middle, the last.
  private var timedMicroBatches: [(batch: TreeBatch, work: Double)] {
    let looked = stepsLookedAt
    let places = Set([0, looked.count / 3, looked.count * 2 / 3, looked.count - 1]).filter(looked.indices.contains)
    let packer = packer
    return places.sorted().compactMap { place in
      let step = looked[place]
      let batches = packer.batches(ofStep: step)
      guard let batch = batches.packed.first, let mine = batches.places.first else { return nil }
      let taken = plan.pairs(ofStep: step)
      return (batch, work(of: mine.map { pairs[taken[$0]] }))
    }
  }

  /// Whether a pass over every micro-batch counts how experts are used before the passes that learn.
  private var countsExpertsAhead: Bool {
    guard balance != nil, let step = stepsLookedAt.first else { return false }
    return packer.batches(ofStep: step).packed.count > 1
  }

  /// This process's part of the work of the steps that remain.
  private func workOfSteps() -> Double {
    let looked = stepsLookedAt
    let sum = looked.reduce(0.0) { $0 + work(of: plan.pairs(ofStep: $1).map { pairs[$0] }) }
    guard !looked.isEmpty else { return 0 }
    return sum / Double(looked.count) * Double(plan.totalSteps - completedSteps) / Double(ranks.size)
  }

  private func work(of pairs: [TokenizedPair]) -> Double {
    let work = work
    return Double(options.units(of: pairs).reduce(0) { $0 + work($1) })
  }

  /// A pass over a micro-batch as training makes it, whose results are thrown away.
  private func runForTime(_ batch: TreeBatch) throws {
    var known = KnownScores()
    if reference?.keepsResults == true { known.reference = [Double](repeating: 0, count: 2 * batch.pairCount) }
    if options.loss.couplesPairs {
      known.couplings = Array(repeating: Array(repeating: 0, count: batch.pairCount), count: options.loss.couplingCount)
    }
    try passes.run(batch, knowing: known, isLast: false) { [unowned self] in try learn(from: $0) }
  }

  /// Of the second update: the first one touches the moments' memory.
  private func updateSeconds() throws -> Double {
    var last = 0.0
    for _ in 0..<2 {
      last = try seconds {
        try update.prepare(learningRate: 0)
        try passes.runUpdate { [update, options] in try update.apply(maximumNorm: options.maxGradientNorm) }
      }
    }
    return last
  }

  private func seconds(_ body: () throws -> Void) throws -> Double {
    let started = ContinuousClock.now
    try body()
    if device != .cpu { try CUDA.synchronize() }
    return (ContinuousClock.now - started) / .seconds(1)
  }
}
