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
  /// Where the sums of a step's micro-batches add up: `PreferenceMetrics`, `[9]`, `float64`, on the device.
  private let sums: Tensor
  /// On a GPU, passes that are recorded; nil where they run as they are.
  private var recorded: RecordedMicroBatches?
  private var batches: Prefetcher<StepBatches>?
  /// A step that is taken, but not reported.
  private var pending: PendingStep?
  /// When the device was done with the step that was reported last.
  private var lastEnd: CUDAEvent?
  /// Whether a step is reported when the next one is taken.
  package var reportsLate: Bool
  /// Asked before each micro-batch, in tests of what happens when one of them fails.
  package var failure: (TreeBatch) -> TorchError? = { _ in nil }

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
      parameters: policy.weights, copies: policy.copies, named: policy.namedParameters, ranks: ranks,
      options: options.adam, scalesLoss: policy.productType == .float16)
    sums = try .zeros([PreferenceMetrics.sumCount], dtype: .float64, device: device)
    if case .cuda(let index) = device, options.recordsPasses { record(by: try CUDAGraphRecorder(device: index)) }
  }

  /// Pads micro-batches to a few sizes from the next one on, and records what is computed over each size.
  package func record(by recorder: any PassRecorder) {
    let longest = pairs.lazy.map { max($0.chosenIDs.count, $0.rejectedIDs.count) }.max() ?? 0
    recorded = RecordedMicroBatches(
      BatchBuckets(longestSide: longest, mostPairs: options.globalBatchSize(worldSize: ranks.size)),
      device: device, keepsReference: options.cachesReference, recorder: recorder)
  }

  /// Why micro-batches that could be recorded are not; nil while they are.
  public var recordingRefusal: String? { recorded?.refusal }

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
    // On a GPU this is where the host has waited: for the step before.
    if reportsLate { watch.book(\.backward) }
    let own = try PreferenceMetrics(
      sums: reportsLate
        ? before.map { Array($0.prefix(PreferenceMetrics.sumCount)) } ?? PreferenceMetrics().sums
        : sums.array(Double.self))
    var agreed = try agree(own, stops: stops(), shortage: computed.shortage)
    while agreed.isShortOfMemory {
      try shrinkMicroBatches(behind: computed.shortage)
      computed = try compute(step, &watch)
      let again = try reportsLate ? own : PreferenceMetrics(sums: sums.array(Double.self))
      agreed = try agree(again, stops: agreed.stops, shortage: computed.shortage)
    }
    watch.book(\.communication)
    activity.set(.updating)
    // Before the weights change: a wrong start is not to be saved.
    if step == 1, !reportsLate { try checkStart(agreed.metrics) }
    let rate = schedule.rate(ofStep: step)
    try computed.spans.time(on: device) { try applyUpdate(learningRate: rate) }
    let numbers = try DeviceNumbers(.concatenate([sums, update.outcome]))
    wishesToStop = agreed.stops
    let taken = PendingStep(
      step: step, learningRate: rate, numbers: numbers, operations: computed.operations, exchange: computed.exchange,
      isLastWish: agreed.stops, shrunkTo: computed.shrunkTo, replayed: computed.replayed, spans: computed.spans)
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
    guard var last = pending else { return nil }
    pending = nil
    var watch = Stopwatch()
    let values = try last.numbers.array()
    watch.book(\.backward)
    last.times += watch.times
    let own = Array(values.prefix(PreferenceMetrics.sumCount))
    let done = try report(last, values, all: PreferenceMetrics(sums: ranks.sum(own)))
    // Whatever comes now is not the next step's time.
    lastEnd = nil
    return done
  }

  /// What a step's micro-batches came to, besides gradients and sums.
  private struct Computed {
    var operations = 0.0
    /// nil for a process alone.
    var exchange: GradientReducer.Exchange?
    /// The micro-batch that there was no memory for.
    var shortage: MemoryShortage?
    /// The tokens of a micro-batch that the step was limited to, where memory did not suffice for more.
    var shrunkTo: Int?
    /// The passes that were recorded before.
    var replayed = ReplayedPasses()
    /// When the device was at work.
    var spans = DeviceSpans()
  }

  /// The gradients of a step, summed over all ranks, and the sums over this process's pairs. Where memory does not suffice,
  /// this process still takes part in the exchange, with what is of no use to anybody.
  private func compute(_ step: Int, _ watch: inout Stopwatch) throws -> Computed {
    activity.set(.waitingForData, step: step)
    let batches = nextBatches()
    watch.book(\.data)
    activity.set(.computing)
    try update.clearGradients()
    try sums.fillInPlace(0)
    var computed = Computed(shrunkTo: shrunkTo)
    let factor = try update.lossFactor(pairsOfStep: batches.pairCount)
    for (place, batch) in batches.packed.enumerated() {
      let isLast = place == batches.packed.count - 1
      do {
        if let error = failure(batch) { throw error }
        var replayed: Int?
        try computed.spans.time(on: device) { replayed = try run(batch, factor, isLast: isLast, &watch) }
        if let replayed { computed.replayed.count(replayed) }
      } catch let error as TorchError where error.kind == .outOfMemory {
        computed.shortage = MemoryShortage(batch, error)
        break
      }
      computed.operations += Arithmetic.training(
        batch, of: policy.configuration, onlineReference: !options.cachesReference)
    }
    activity.set(.exchangingGradients)
    computed.exchange = try computed.spans.time(on: device) { try update.finishExchange() }
    return computed
  }

  /// New weights by the gradients; recorded where nothing of it belongs to several ranks at once.
  private func applyUpdate(learningRate: Double) throws {
    try update.prepare(learningRate: learningRate)
    guard let recorded, ranks?.shardsOptimizer != true else {
      return try update.apply(maximumNorm: options.maxGradientNorm)
    }
    try recorded.run(update: { [update, options] in try update.apply(maximumNorm: options.maxGradientNorm) })
  }

  /// Adds a micro-batch's part to gradients and sums, by a recorded pass where there is one.
  ///
  /// - Parameter isLast: whether the gradients are final then, and go to the other ranks
  /// - Returns: the kernels of a recorded pass; nil where it was none
  private func run(
    _ packed: TreeBatch, _ factor: Tensor, isLast: Bool, _ watch: inout Stopwatch
  ) throws -> Int? {
    let kept = reference.known(packed.pairIndices, room: packed.pairCount)
    guard let recorded, kept != nil || !options.cachesReference else {
      let batch = try DeviceBatch(packed, device: device)
      watch.book(\.data)
      let baseline = try options.cachesReference ? reference.logProbabilities(batch, of: packed.pairIndices) : nil
      if isLast { try update.expectLastBackward() }
      try pass(batch, reference: baseline, factor, &watch)
      return nil
    }
    let kernels = try recorded.run(
      packed, reference: { [reference] room in reference.known(packed.pairIndices, room: room) ?? [] },
      asIs: { [self] batch, baseline in
        watch.book(\.data)
        if isLast { try update.expectLastBackward() }
        try pass(batch, reference: baseline, factor, &watch)
      },
      recorded: { [unowned self] batch, baseline in
        var unused = Stopwatch()
        try update.recordBackward { try pass(batch, reference: baseline, factor, &unused) }
      })
    if isLast, kernels != nil { try update.sendRecorded() }
    watch.book(\.backward)
    return kernels
  }

  /// Adds the gradients of a micro-batch's part of the loss, and its sums. Nothing here waits for the device.
  ///
  /// - Parameters:
  ///   - known: log π_ref; computed along where nil
  ///   - factor: what the sum of its losses is multiplied by, a scalar
  private func pass(
    _ batch: DeviceBatch, reference known: Tensor?, _ factor: Tensor, _ watch: inout Stopwatch
  ) throws(TorchError) {
    let reference = if let known { known } else { try self.reference.compute(batch) }
    watch.book(\.reference)
    let policy = try self.policy.sequenceLogProbabilities(batch)
    let result = try options.loss(policy: policy, reference: reference, weights: batch.pairWeights)
    watch.book(\.forward)
    try result.losses.sum().multiply(factor).backward()
    watch.book(\.backward)
    try withoutGrad { () throws(TorchError) in
      try sums.addInPlace(PreferenceMetrics.sums(result, policy: policy, counts: batch.counts))
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

  /// A pass over a micro-batch as training makes it, for its time and memory alone.
  func tryOut(_ packed: TreeBatch, _ watch: inout Stopwatch) throws(TorchError) {
    let batch = try DeviceBatch(packed, device: device)
    let baseline: Tensor? = options.cachesReference ? try .zeros(batch.targetCounts.shape, device: device) : nil
    try pass(batch, reference: baseline, update.lossFactor(pairsOfStep: packed.pairCount), &watch)
  }

  /// Runs the passes of the remaining steps until all of their sizes are recorded, for their speed and memory alone: `bench`
  /// measures a run that has seen its data before. Called by all ranks or none.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func rehearse() throws {
    guard recorded != nil else { return }
    var unused = Stopwatch()
    let factor = try update.lossFactor(pairsOfStep: 1)
    for step in completedSteps + 1..<plan.totalSteps + 1 {
      for packed in maker.batches(ofStep: step).packed {
        // The first time it runs as it is; in the second one it is recorded.
        if try run(packed, factor, isLast: false, &unused) == nil {
          _ = try run(packed, factor, isLast: false, &unused)
        }
      }
    }
    try update.clearGradients()
  }

  /// Limits the tokens of a micro-batch from the next one on.
  ///
  /// - Parameter isShortOfMemory: whether that is because there is no memory for more
  func limitMicroBatches(toTokens tokens: Int, isShortOfMemory: Bool = false) throws(TorchError) {
    options.microBatchTokens = tokens
    if isShortOfMemory {
      shrunkTo = tokens
      try recorded?.clear()
    }
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
    let exchange = try done.exchange?.times()
    var times = done.times
    if device != .cpu, let exchange {
      // The host did not see it: it waited for the whole step at once.
      times.backward = max(0, times.backward - exchange.exposed)
      times.communication += exchange.exposed
    }
    let onDevice = try done.spans.times(since: lastEnd)
    lastEnd = done.spans.end
    return StepReport(
      step: done.step, epoch: plan.epoch(afterStep: done.step), metrics: all, ownMetrics: own,
      ownOperations: done.operations, gradientNorm: outcome.norm, learningRate: done.learningRate,
      isSkipped: outcome.isSkipped, lossScale: update.lossScale == nil ? nil : outcome.lossScale,
      isLastWish: done.isLastWish, shrunkTo: done.shrunkTo, times: times, exchange: exchange?.total ?? 0,
      replayed: done.replayed, onDevice: onDevice)
  }

  var work: PairWork { PairWork(policy.configuration, sharesPrefix: options.sharesPrefix) }

  private var maker: StepBatchMaker {
    StepBatchMaker(plan: plan, pairs: pairs, options: options, work: work, rank: ranks.rank, worldSize: ranks.size)
  }

  private func nextBatches() -> StepBatches {
    if let ready = batches?.next() { return ready }
    // The first step, or the first after a resume: from here on a thread packs ahead.
    let maker = maker
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

/// A step that is queued, and what is not known of it before the device has taken it.
private struct PendingStep {
  let step: Int
  let learningRate: Double
  /// Sums of `PreferenceMetrics` over this process's pairs, then those of `UpdateOutcome`.
  let numbers: DeviceNumbers
  let operations: Double
  let exchange: GradientReducer.Exchange?
  let isLastWish: Bool
  let shrunkTo: Int?
  let replayed: ReplayedPasses
  let spans: DeviceSpans
  var times = StepTimes()
}
