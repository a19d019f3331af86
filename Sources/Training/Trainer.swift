import DPO
import Foundation
import MiniMind
import Preferences
import Torch

/// Direct Preference Optimization of one model: the optimizer step and what it needs.
///
/// A step belongs to one thread; only the packing of the next batches happens on another. On a GPU it is only queued, and what
/// it did is read when the next one is queued as well: the device need not wait for the host. Loss and gradients are means
/// over the pairs of the step's whole batch, however it was divided into micro-batches and, where several processes train
/// together, among them.
public final class Trainer {
  /// The model in training.
  public let policy: CausalLM
  /// What decides the run.
  public private(set) var options: TrainingOptions
  /// Which pairs each step takes.
  public let plan: BatchPlan
  /// The learning rate of each step.
  public let schedule: LearningRateSchedule
  /// Optimizer steps done.
  public private(set) var completedSteps = 0
  /// Steps whose update was left out because a gradient was not finite.
  public private(set) var skippedSteps = 0
  /// How many of them were the last steps.
  private(set) var skippedInARow = 0
  /// Whether a rank wished to stop behind the step that was taken last.
  private(set) var wishesToStop = false
  /// The tokens of a micro-batch that memory has been found to suffice for, where it did not for more.
  private var shrunkTo: Int?

  /// What this process is doing.
  public let activity: Activity
  /// The processes that train together; nil for one alone.
  public let ranks: Ranks?
  /// The frozen model that the policy is compared with.
  public let reference: ReferenceModel

  let update: WeightUpdate
  let pairs: [TokenizedPair]
  let device: Device
  private var batches: Prefetcher<StepBatches>?
  /// A step that is taken, but not reported.
  private var pending: PendingStep?
  /// Whether a step is reported when the next one is taken.
  package var reportsLate: Bool
  /// Asked before each micro-batch, in tests of what happens when one of them fails.
  package var failure: (TreeBatch) -> TorchError? = { _ in nil }

  /// Pairs of each rank between two exchanges of the reference's log-probabilities.
  static let pairsOfReferenceRound = 256

  /// Gradients that are not finite this many times in a row end the run.
  static let toleratedSkips = 5

  /// A trainer at step 0.
  ///
  /// - Parameters:
  ///   - policy: the model to train, in place
  ///   - reference: a model with weights of its own, usually the same to start with
  ///   - pairs: what to learn from; none may be dropped
  ///   - ranks: the processes that train together, each with the same model, pairs and options
  /// - Throws: `TorchError` when there is no memory for gradients and optimizer, or another rank fails.
  public init(
    policy: CausalLM, reference: CausalLM, pairs: [TokenizedPair], options: TrainingOptions, ranks: Ranks? = nil,
    activity: Activity = Activity()
  ) throws(TorchError) {
    self.policy = policy
    self.activity = activity
    self.ranks = ranks
    self.reference = ReferenceModel(reference, keepsResults: options.cachesReference)
    self.pairs = pairs
    self.options = options
    device = policy.device
    reportsLate = policy.device != .cpu
    plan = BatchPlan(
      pairCount: pairs.count, globalBatchSize: options.globalBatchSize(worldSize: ranks.size), epochs: options.epochs,
      maxSteps: options.maxSteps, shuffles: options.shuffles, seed: options.seed)
    schedule = options.schedule(totalSteps: plan.totalSteps)
    // Equal already, where all ranks have read the same files; this makes sure.
    try ranks?.gradients.broadcast(policy.weights.storage, from: 0)
    try policy.updateCopies()
    update = try WeightUpdate(
      parameters: policy.weights, named: policy.namedParameters, ranks: ranks, options: options.adam,
      scalesLoss: policy.productType == .float16)
  }

  deinit {
    batches?.cancel()
  }

  /// One optimizer step: forward and backward over its pairs, the exchange between ranks, clipping, AdamW.
  ///
  /// - Parameter stops: asked once, when the step is computed: whether this process wishes to stop behind it
  /// - Throws: `TrainingError` when the loss does not start where it must, gradients stay infinite or not even one pair fits
  ///   into memory; `TorchError`.
  public func step(stops: () -> Bool = { false }) throws -> StepReport {
    if let report = try advance(stops: stops) { return report }
    guard let report = try finish() else { preconditionFailure("a step that was taken is reported") }
    return report
  }

  /// The same, but on a GPU the step that is reported is the one before: `finish()` reports the last one.
  ///
  /// - Returns: nil where there is nothing to report yet
  /// - Throws: what `step(stops:)` throws.
  public func advance(stops: () -> Bool = { false }) throws -> StepReport? {
    var watch = Stopwatch()
    let step = completedSteps + 1
    var computed = try compute(step, &watch)
    let before = try reportsLate ? pending?.numbers.array() : nil
    let own = try PreferenceMetrics(
      sums: reportsLate
        ? before.map { Array($0.prefix(PreferenceMetrics.sumCount)) } ?? PreferenceMetrics().sums
        : computed.sums.array(Double.self))
    var agreed = try agree(own, stops: stops(), shortage: computed.shortage)
    while agreed.isShortOfMemory {
      try shrinkMicroBatches(behind: computed.shortage)
      computed = try compute(step, &watch)
      let again = try reportsLate ? own : PreferenceMetrics(sums: computed.sums.array(Double.self))
      agreed = try agree(again, stops: agreed.stops, shortage: computed.shortage)
    }
    watch.book(\.communication)
    activity.set(.updating)
    // Before the weights change: a wrong start is not to be saved.
    if step == 1, !reportsLate { try checkStart(agreed.metrics) }
    let rate = schedule.rate(ofStep: step)
    let outcome = try update.apply(maximumNorm: options.maxGradientNorm, learningRate: rate)
    try policy.updateCopies()
    let numbers = try DeviceNumbers(.concatenate([computed.sums, outcome]))
    wishesToStop = agreed.stops
    let taken = PendingStep(
      step: step, learningRate: rate, numbers: numbers, operations: computed.operations, exchange: computed.exchange,
      isLastWish: agreed.stops, shrunkTo: computed.shrunkTo)
    completedSteps = step
    if reportsLate {
      let previous = pending
      pending = taken
      watch.book(\.update)
      pending?.times = watch.times
      guard let previous, let before else { return nil }
      return try report(previous, before, all: agreed.metrics)
    }
    let values = try numbers.array()
    watch.book(\.update)
    var done = taken
    done.times = watch.times
    return try report(done, values, all: agreed.metrics)
  }

  /// Reports the last step, where that is still to be done.
  ///
  /// - Throws: what `step(stops:)` throws.
  public func finish() throws -> StepReport? {
    guard let last = pending else { return nil }
    pending = nil
    let values = try last.numbers.array()
    let own = Array(values.prefix(PreferenceMetrics.sumCount))
    return try report(last, values, all: PreferenceMetrics(sums: ranks.sum(own)))
  }

  /// What a step's micro-batches came to.
  private struct Computed {
    /// Of `PreferenceMetrics`, over this process's pairs, on the device.
    var sums: Tensor
    var operations = 0.0
    var exchange = 0.0
    /// The micro-batch that there was no memory for.
    var shortage: MemoryShortage?
    /// The tokens of a micro-batch that the step was limited to, where memory did not suffice for more.
    var shrunkTo: Int?
  }

  /// The gradients of a step, summed over all ranks. Where memory does not suffice, this process still takes part in the
  /// exchange, with what is of no use to anybody.
  private func compute(_ step: Int, _ watch: inout Stopwatch) throws -> Computed {
    activity.set(.waitingForData, step: step)
    let batches = nextBatches()
    watch.book(\.data)
    activity.set(.computing)
    try update.clearGradients()
    var computed = Computed(
      sums: try .zeros([PreferenceMetrics.sumCount], dtype: .float64, device: device), shrunkTo: shrunkTo)
    let factor = try update.lossFactor(pairsOfStep: batches.pairCount)
    var isExchanging = false
    for (place, batch) in batches.packed.enumerated() {
      if place == batches.packed.count - 1 {
        try update.expectLastBackward()
        isExchanging = true
      }
      computed.shortage = try accumulate(batch, factor, into: computed.sums, &watch)
      if computed.shortage != nil { break }
      computed.operations += Arithmetic.training(
        batch, of: policy.configuration, onlineReference: !options.cachesReference)
    }
    // Also where there was nothing to compute, or no memory for it: the others wait for this process's part.
    if !isExchanging { try update.expectLastBackward() }
    activity.set(.exchangingGradients)
    computed.exchange = try update.finishExchange()
    return computed
  }

  /// Adds a micro-batch's gradients, and its sums to `sums`.
  ///
  /// - Returns: nil, unless there was no memory for it
  private func accumulate(
    _ batch: TreeBatch, _ factor: Tensor, into sums: Tensor, _ watch: inout Stopwatch
  ) throws -> MemoryShortage? {
    do {
      if let error = failure(batch) { throw error }
      try sums.addInPlace(accumulateGradients(batch, lossFactor: factor, &watch))
      return nil
    } catch let error as TorchError where error.kind == .outOfMemory {
      return MemoryShortage(batch, error)
    }
  }

  /// The sums over all ranks, whether one of them wishes to stop, and whether one had not the memory for its part.
  private func agree(
    _ metrics: PreferenceMetrics, stops: Bool, shortage: MemoryShortage?
  ) throws(TorchError) -> (metrics: PreferenceMetrics, stops: Bool, isShortOfMemory: Bool) {
    var sums = try ranks.sum(metrics.sums + [stops ? 1 : 0, shortage == nil ? 0 : 1])
    let isShort = sums.removeLast() > 0
    let stops = sums.removeLast() > 0
    return (PreferenceMetrics(sums: sums), stops, isShort)
  }

  /// Adds the gradients of a micro-batch's part of the loss.
  ///
  /// - Parameter lossFactor: what the sum of its losses is multiplied by, a scalar
  /// - Returns: the sums of `PreferenceMetrics`, on the device
  func accumulateGradients(
    _ packed: TreeBatch, lossFactor: Tensor, _ watch: inout Stopwatch
  ) throws(TorchError) -> Tensor {
    let batch = try DeviceBatch(packed, device: device)
    watch.book(\.data)
    let reference = try self.reference.logProbabilities(batch, of: packed.pairIndices)
    watch.book(\.reference)
    let policy = try self.policy.sequenceLogProbabilities(batch)
    let result = try options.loss(policy: policy, reference: reference)
    watch.book(\.forward)
    try result.losses.sum().multiply(lossFactor).backward()
    watch.book(\.backward)
    return try withoutGrad { () throws(TorchError) in
      try PreferenceMetrics.sums(result, policy: policy, tokenCount: batch.tokenCount)
    }
  }

  /// Sums over held-out pairs, without gradients, each rank over its share.
  ///
  /// - Parameters:
  ///   - reference: the reference to compare with
  ///   - pairs: with indices that do not collide with those of the training pairs where results are kept
  ///   - progress: told the number of pairs done by this process
  ///   - stops: asked between micro-batches: whether this process wishes to stop
  /// - Returns: sums over all pairs, or over fewer where a rank wished to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func evaluate(
    _ policy: CausalLM, reference: ReferenceModel, pairs: [TokenizedPair], options: TrainingOptions,
    ranks: Ranks? = nil, progress: (Int) -> Void = { _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> PreferenceMetrics {
    var sums = PreferenceMetrics()
    let work = PairWork(policy.configuration, sharesPrefix: options.sharesPrefix)
    var passes = ForwardPasses(over: ranks.share(of: pairs, by: work), options: options)
    while let packed = passes.next, !stops() {
      do throws(TorchError) {
        let batch = try DeviceBatch(packed, device: policy.device)
        let found = try options.metrics(of: batch, indices: packed.pairIndices, policy, reference: reference)
        sums += found
      } catch {
        try passes.shrink(behind: error)
        continue
      }
      passes.advance()
      progress(Int(sums.pairs))
    }
    return PreferenceMetrics(sums: try ranks.sum(sums.sums))
  }

  /// Computes the reference's log-probabilities of all pairs that the run will see, each rank its share, where the options
  /// say that they are kept; those that are known already are not computed again.
  ///
  /// - Parameters:
  ///   - progress: told the number of pairs done, of all processes as far as this one can tell, and the number to do
  ///   - stops: asked between micro-batches: whether this process wishes to stop
  /// - Returns: whether all are known now; where a rank wished to stop, what was computed until then is kept
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  @discardableResult
  public func prepareReference(
    progress: (Int, Int) -> Void = { _, _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> Bool {
    guard options.cachesReference else { return true }
    activity.set(.reference)
    let seen = pairsOfRun.sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) }
    // In rounds, so that nobody waits for slower ranks as long as a collective operation may take. They and their
    // micro-batches are the same whatever is known already: a pass that goes on gives the same bits as one in one go.
    let size = Self.pairsOfReferenceRound * ranks.size
    for start in stride(from: 0, to: seen.count, by: size) {
      let round = Array(seen[start..<min(start + size, seen.count)])
      let missing = round.map(\.index).filter { !reference.knows($0) }
      if missing.isEmpty { continue }
      var done = 0
      var passes = ForwardPasses(over: ranks.share(of: round, by: work), options: options)
      while let packed = passes.next, !stops() {
        do throws(TorchError) {
          if !packed.pairIndices.allSatisfy(reference.knows) {
            _ = try reference.logProbabilities(DeviceBatch(packed, device: device), of: packed.pairIndices)
          }
        } catch {
          try passes.shrink(behind: error)
          continue
        }
        passes.advance()
        done += packed.pairCount
        progress(start + min(done * ranks.size, round.count), seen.count)
      }
      guard try reference.share(missing, among: ranks) else { return false }
    }
    return true
  }

  /// Limits the tokens of a micro-batch from the next one on.
  ///
  /// - Parameter isShortOfMemory: whether that is because there is no memory for more
  func limitMicroBatches(toTokens tokens: Int, isShortOfMemory: Bool = false) {
    options.microBatchTokens = tokens
    if isShortOfMemory { shrunkTo = tokens }
    batches?.cancel()
    batches = nil
  }

  /// The pairs that the run will see: where it is shorter than an epoch, not all of them.
  var pairsOfRun: [TokenizedPair] {
    guard plan.totalSteps < plan.stepsPerEpoch else { return pairs }
    return (1...plan.totalSteps).flatMap(plan.pairs(ofStep:)).sorted().map { pairs[$0] }
  }

  /// Where policy and reference start equal, every pair's loss is log 2 whatever the data; anything else is a defect.
  private func checkStart(_ metrics: PreferenceMetrics) throws {
    guard options.startsAtReference else { return }
    let loss = metrics.loss / metrics.pairs
    guard abs(loss - log(2)) < 1e-3 else { throw TrainingError.wrongStart(loss: loss) }
  }

  /// - Parameters:
  ///   - values: sums over this process's pairs, and the outcome of the update
  ///   - all: sums over those of all ranks
  private func report(_ done: PendingStep, _ values: [Double], all: PreferenceMetrics) throws -> StepReport {
    if done.step == 1, reportsLate { try checkStart(all) }
    let own = PreferenceMetrics(sums: Array(values.prefix(PreferenceMetrics.sumCount)))
    let outcome = UpdateOutcome(values.suffix(UpdateOutcome.count))
    skippedInARow = outcome.isSkipped ? skippedInARow + 1 : 0
    if outcome.isSkipped {
      skippedSteps += 1
      // Gradients in float16 overflow until the loss scale has found its size.
      let isSearching = update.lossScale != nil && outcome.lossScale >= 1
      guard isSearching || skippedInARow < Self.toleratedSkips else {
        throw TrainingError.notFinite(
          step: done.step, pairs: plan.pairs(ofStep: done.step).map { pairs[$0].index })
      }
    }
    return StepReport(
      step: done.step, epoch: plan.epoch(afterStep: done.step), metrics: all, ownMetrics: own,
      ownOperations: done.operations, gradientNorm: outcome.norm, learningRate: done.learningRate,
      isSkipped: outcome.isSkipped, lossScale: update.lossScale == nil ? nil : outcome.lossScale,
      isLastWish: done.isLastWish, shrunkTo: done.shrunkTo, times: done.times, exchange: done.exchange)
  }

  private var work: PairWork { PairWork(policy.configuration, sharesPrefix: options.sharesPrefix) }

  private func nextBatches() -> StepBatches {
    if let ready = batches?.next() { return ready }
    // The first step, or the first after a resume: from here on a thread packs ahead.
    let maker = StepBatchMaker(
      plan: plan, pairs: pairs, options: options, work: work, rank: ranks.rank, worldSize: ranks.size)
    let first = completedSteps + 1
    let cursor = StepCursor(next: first + 1, last: plan.totalSteps)
    batches = Prefetcher { cursor.advance().map(maker.batches(ofStep:)) }
    return maker.batches(ofStep: first)
  }

  /// Begins with another loss scale, for tests of how it finds its size.
  package func setLossScale(_ factor: Double) throws(TorchError) {
    try update.lossScale?.resume(factor: factor, steps: 0)
  }

  /// Goes on behind another step, with weights and moments that the caller has put in place.
  func proceed(behind step: Int, optimizerSteps: Int, skippedSteps: Int, skippedInARow: Int) throws(TorchError) {
    batches?.cancel()
    batches = nil
    pending = nil
    completedSteps = step
    try update.resume(behind: optimizerSteps)
    try policy.updateCopies()
    self.skippedSteps = skippedSteps
    self.skippedInARow = skippedInARow
  }
}

extension TrainingOptions {
  /// The sums of one micro-batch.
  fileprivate func metrics(
    of batch: DeviceBatch, indices: [Int], _ policy: CausalLM, reference: ReferenceModel
  ) throws(TorchError) -> PreferenceMetrics {
    try withoutGrad { () throws(TorchError) in
      let baseline = try reference.logProbabilities(batch, of: indices)
      let scores = try policy.sequenceLogProbabilities(batch)
      return try PreferenceMetrics(
        loss(policy: scores, reference: baseline), policy: scores, tokenCount: batch.tokenCount)
    }
  }
}

/// What a step did.
public struct StepReport: Sendable {
  /// Counted from 1.
  public let step: Int
  /// Passes over the pairs behind, in parts of one.
  public let epoch: Double
  /// Sums over the step's pairs, of all ranks.
  public let metrics: PreferenceMetrics
  /// Sums over those of this process.
  public let ownMetrics: PreferenceMetrics
  /// Floating-point operations that those need.
  public let ownOperations: Double
  /// Before clipping.
  public let gradientNorm: Double
  /// The rate used.
  public let learningRate: Double
  /// Whether the update was left out because the gradient was not finite.
  public let isSkipped: Bool
  /// What the loss is multiplied by from here on; nil where gradients are not in `float16`.
  public let lossScale: Double?
  /// Whether this process or another wishes to stop here.
  public let isLastWish: Bool
  /// The tokens that a micro-batch is limited to because memory did not suffice for more; nil where it did.
  public let shrunkTo: Int?
  /// Where its time went.
  public let times: StepTimes
  /// Seconds from the first gradient that was sent to the last that came, backward passes included; 0 for a process alone.
  public let exchange: Double

  /// Seconds from its beginning to its end.
  public var seconds: Double { times.total }
}

/// A step that is queued, and what is not known of it before the device has taken it.
private struct PendingStep {
  let step: Int
  let learningRate: Double
  /// Sums of `PreferenceMetrics` over this process's pairs, then those of `UpdateOutcome`.
  let numbers: DeviceNumbers
  let operations: Double
  let exchange: Double
  let isLastWish: Bool
  let shrunkTo: Int?
  var times = StepTimes()
}
