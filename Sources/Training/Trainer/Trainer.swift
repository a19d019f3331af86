import DPO
import MiniMind
import Preferences
import Torch

/// Direct Preference Optimization of one model.
///
/// The step itself is in Step.swift. A step belongs to one thread; only the packing of the next batches happens on another.
public final class Trainer {
  /// The model in training. Where it has an adapter, only that is trained.
  public let policy: CausalLM
  /// The frozen model that the policy is compared with; nil where no objective does.
  public let reference: ReferenceModel?
  /// Everything that decides what the run computes.
  public internal(set) var options: TrainingOptions
  /// Which pairs each step takes.
  public let plan: BatchPlan
  /// The learning rate of each step.
  public let schedule: LearningRateSchedule
  /// The processes that train together; nil for one alone.
  public let ranks: Ranks?
  /// What this process is doing.
  public let activity: Activity

  /// The names of the files that the pairs are from, by `TokenizedPair.source`, for messages.
  public var dataFiles: [String] = []

  /// Optimizer steps done.
  public internal(set) var completedSteps = 0
  /// Steps whose update was left out because a gradient was not finite.
  public internal(set) var skippedSteps = 0
  /// How many of the last steps in a row were such steps.
  var skippedInARow = 0
  /// Whether the ranks agreed to stop after the last step.
  var stopAgreed = false
  /// Whether the ranks agreed to save a checkpoint after the last step.
  var saveAgreed = false
  /// Whether the run ends before its last step, with the checkpoint that is being saved.
  public internal(set) var isStopping = false
  /// Seconds in which training stood still for checkpoints.
  public internal(set) var savingSeconds = 0.0
  /// The tokens that micro-batches are limited to because memory ran out with more.
  var shrunkTo: Int?

  let device: Device
  let pairs: [TokenizedPair]
  let batches = StepBatchSource()
  package let gradients: StepGradients
  let update: WeightUpdate
  /// Where the sums of a step's micro-batches add up: `PreferenceMetrics`, `float64`, on the device.
  let sums: Tensor
  /// The mean number of target tokens of a chosen side in the step's global batch, a `float64` scalar on the device. A recorded
  /// pass reads it too, so it stays where it is.
  let meanChosenLength: Tensor
  let clock: StepClock
  /// What keeps the load of experts even; nil where the model has none.
  let balance: ExpertBalance?
  /// How micro-batches come to the device.
  package var passes: any MicroBatchPasses
  /// Steps that wait to be reported.
  package var reports: ReportQueue
  /// When the device was done with the step that was reported last.
  var lastEnd: CUDAEvent?

  /// A trainer at step 0.
  ///
  /// - Parameters:
  ///   - policy: the model to train, in place
  ///   - reference: has weights of its own, usually the same to start with; whether it keeps results decides whether it runs
  ///     along. nil where no objective needs it
  ///   - pairs: what to learn from; none may be dropped
  ///   - ranks: the processes that train together, each with the same model, pairs and options
  /// - Throws: `TorchError` when there is no memory for gradients and optimizer, or another rank fails.
  public init(
    policy: CausalLM, reference: ReferenceModel?, pairs: [TokenizedPair], options: TrainingOptions, ranks: Ranks? = nil,
    activity: Activity = Activity()
  ) throws(TorchError) {
    device = policy.device
    (self.policy, self.reference, self.pairs, self.ranks, self.activity) = (policy, reference, pairs, ranks, activity)
    self.options = options
    self.options.cachesReference = reference?.keepsResults ?? false
    plan = options.plan(pairs: pairs.count, worldSize: ranks.size)
    schedule = options.schedule(totalSteps: plan.totalSteps)
    // Equal already, where all ranks have read the same files; this makes sure.
    try ranks?.gradients.broadcast(policy.weights.storage, from: 0)
    if let adapter = policy.adapter { try ranks?.gradients.broadcast(adapter.weights.storage, from: 0) }
    try policy.updateCopies()
    gradients = try StepGradients(
      of: policy.trainedParameters, on: device, ranks: ranks, scalesLoss: policy.productType == .float16)
    update = try WeightUpdate(
      of: policy.trainedWeights, copies: policy.trainedCopies, gradients: gradients, ranks: ranks, options: options.adam
    )
    sums = try .zeros([PreferenceMetrics.sumCount], dtype: .float64, device: device)
    meanChosenLength = try .ones([], dtype: .float64, device: device)
    balance = ExpertBalance(of: policy.configuration, coefficient: options.routerAuxLossCoefficient)
    clock = StepClock(device: device, activity: activity)
    reports = ReportQueue(for: device)
    let records = device != .cpu && options.recordsPasses
    let hasExperts = policy.configuration.experts != nil
    passes = PlainPasses(
      device: device, reference: self.reference, gradients: gradients, clock: clock,
      refusal: records && hasExperts
        ? "the host sorts tokens by the experts that routers have chosen, which a recording cannot do" : nil)
    if case .cuda(let index) = device, records, !hasExperts { record(by: try CUDAGraphRecorder(device: index)) }
  }

  /// A trainer at step 0 with a reference of its own, which keeps results where the options say so.
  ///
  /// - Throws: `TorchError` when there is no memory for gradients and optimizer, or another rank fails.
  public convenience init(
    policy: CausalLM, reference: CausalLM, pairs: [TokenizedPair], options: TrainingOptions, ranks: Ranks? = nil,
    activity: Activity = Activity()
  ) throws(TorchError) {
    try self.init(
      policy: policy,
      reference: options.cachesReference
        ? ReferenceModel(reference, pairs: pairs, excessTokenWeight: options.loss.excessTokenWeight)
        : ReferenceModel(reference, excessTokenWeight: options.loss.excessTokenWeight),
      pairs: pairs, options: options, ranks: ranks, activity: activity)
  }

  /// From the next step on, pads micro-batches to a few sizes and records what is computed over each size.
  package func record(by recorder: any PassRecorder) {
    let longest = pairs.lazy.map { max($0.chosenIDs.count, $0.rejectedIDs.count) }.max() ?? 0
    passes = RecordedPasses(
      BatchBuckets(longestSide: longest, mostPairs: plan.globalBatchSize), device: device, reference: reference,
      loss: options.loss, gradients: gradients, clock: clock, recordsUpdate: ranks?.shardsOptimizer != true,
      recorder: recorder)
  }

  /// Why passes are not recorded although they were to be; nil where all is well.
  public var recordingRefusal: String? { passes.refusal }

  /// Takes a step and waits for it.
  ///
  /// - Parameter stopRequested: asked after the backward passes: whether this process was asked to stop
  /// - Throws: `TrainingError` when the loss does not start where it must, gradients stay infinite or not even one pair fits
  ///   into memory; `TorchError`.
  public func step(stopRequested: @escaping () -> Bool = { false }) throws -> StepReport {
    if let report = try advance(StepRequests(stop: stopRequested)) { return report }
    guard let report = try finish() else { preconditionFailure("a step that was taken is reported") }
    return report
  }

  /// Takes a step. On a GPU the report is that of the step before; `finish()` then gives the last one.
  ///
  /// - Parameter requests: asked after the backward passes
  /// - Returns: nil where there is nothing to report yet
  /// - Throws: what `step(stopRequested:)` throws.
  public func advance(_ requests: StepRequests = StepRequests()) throws -> StepReport? {
    let (queued, metrics) = try takeStep(requests)
    return try reports.add(queued).map { try report($0, metrics) }
  }

  /// Waits for the last step and reports it, where that is still to be done.
  ///
  /// - Throws: what `step(stopRequested:)` throws.
  public func finish() throws -> StepReport? {
    guard let last = reports.removeLast() else { return nil }
    let report = try report(last, PreferenceMetrics(sums: ranks.sum(last.ownMetrics().sums)))
    // The time until the next step is not that step's.
    lastEnd = nil
    return report
  }

  /// Packs this rank's share of the pairs of a step.
  var packer: StepBatchPacker {
    StepBatchPacker(plan: plan, pairs: pairs, options: options, work: work, rank: ranks.rank, worldSize: ranks.size)
  }

  /// How much work a pair is for this model.
  var work: PairWork { PairWork(policy.configuration, sharesPrefix: options.sharesPrefix) }

  /// The pairs that the run will see.
  var pairsOfRun: [TokenizedPair] { plan.pairsOfRun.map { pairs[$0] } }

  /// Continues after a step, with weights and moments that the caller has put in place.
  func resume(after step: Int, optimizerSteps: Int, skippedSteps: Int, skippedInARow: Int) throws(TorchError) {
    batches.restart()
    _ = reports.removeLast()
    completedSteps = step
    try update.resume(after: optimizerSteps)
    try policy.updateCopies()
    (self.skippedSteps, self.skippedInARow) = (skippedSteps, skippedInARow)
  }
}
