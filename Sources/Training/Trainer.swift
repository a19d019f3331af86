import DPO
import Foundation
import MiniMind
import Preferences
import Torch

/// Direct Preference Optimization of one model in one process: the optimizer step and what it needs.
///
/// A step is synchronous and belongs to one thread; only the packing of the next batches happens on another. Loss and
/// gradients are means over the pairs of the step's whole batch, however it was divided into micro-batches.
public final class Trainer {
  /// The model in training.
  public let policy: CausalLM
  /// What decides the run.
  public let options: TrainingOptions
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

  let optimizer: AdamW
  private let gradients: FlatBuffer
  let reference: ReferenceModel
  private let pairs: [TokenizedPair]
  private let device: Device
  private var batches: Prefetcher<StepBatches>?

  /// Gradients that are not finite this many times in a row end the run.
  static let toleratedSkips = 5

  /// A trainer at step 0.
  ///
  /// - Parameters:
  ///   - policy: the model to train, in place
  ///   - reference: a model with weights of its own, usually the same to start with
  ///   - pairs: what to learn from; none may be dropped
  /// - Throws: `TorchError` when there is no memory for gradients and optimizer.
  public init(
    policy: CausalLM, reference: CausalLM, pairs: [TokenizedPair], options: TrainingOptions
  ) throws(TorchError) {
    self.policy = policy
    self.reference = ReferenceModel(reference, keepsResults: options.cachesReference)
    self.pairs = pairs
    self.options = options
    device = policy.weights.storage.device
    plan = BatchPlan(
      pairCount: pairs.count, globalBatchSize: options.globalBatchSize(), epochs: options.epochs,
      maxSteps: options.maxSteps, shuffles: options.shuffles, seed: options.seed)
    schedule = options.schedule(totalSteps: plan.totalSteps)
    gradients = try FlatBuffer(like: policy.namedParameters)
    for (view, (_, parameter)) in zip(gradients.views, policy.namedParameters) {
      try parameter.value.setRequiresGrad(true)
      try parameter.value.setGradient(view)
    }
    optimizer = try AdamW(parameters: policy.weights, gradients: gradients, options: options.adam)
  }

  deinit {
    batches?.cancel()
  }

  /// One optimizer step: forward and backward over its pairs, clipping, AdamW.
  ///
  /// - Throws: `TrainingError` when the loss does not start where it must or gradients stay infinite, `TorchError`.
  public func step() throws -> StepReport {
    let started = ContinuousClock.now
    let step = completedSteps + 1
    let batches = nextBatches()
    let waited = ContinuousClock.now - started

    try gradients.storage.fillInPlace(0)
    var metrics = PreferenceMetrics()
    for batch in batches.packed {
      metrics += try accumulateGradients(batch, pairsOfStep: batches.pairCount)
    }
    if step == 1 { try checkStart(metrics) }

    let norm = try clipGradientNorm(gradients, maximum: options.maxGradientNorm)
    let rate = schedule.rate(ofStep: step)
    if norm.isFinite {
      skippedInARow = 0
      try withoutGrad { () throws(TorchError) in try optimizer.step(learningRate: rate) }
    } else {
      try skipUpdate(step: step, pairs: batches.packed.flatMap(\.pairIndices))
    }
    completedSteps = step
    return StepReport(
      step: step, epoch: plan.epoch(afterStep: step), metrics: metrics, gradientNorm: norm, learningRate: rate,
      isSkipped: !norm.isFinite, duration: ContinuousClock.now - started, dataWait: waited)
  }

  /// Adds the gradients of a micro-batch's part of the mean loss.
  private func accumulateGradients(_ packed: TreeBatch, pairsOfStep: Int) throws(TorchError) -> PreferenceMetrics {
    let batch = try DeviceBatch(packed, device: device)
    let reference = try self.reference.logProbabilities(batch, of: packed.pairIndices)
    let policy = try self.policy.sequenceLogProbabilities(batch)
    let result = try options.loss(policy: policy, reference: reference)
    try result.losses.sum().divide(Double(pairsOfStep)).backward()
    return try PreferenceMetrics(result, policy: policy, tokenCount: batch.tokenCount)
  }

  /// Means over held-out pairs, without gradients.
  ///
  /// - Parameters:
  ///   - pairs: with indices that do not collide with those of the training pairs where results are kept
  ///   - reference: the reference to compare with
  /// - Throws: `TorchError` when LibTorch fails.
  public static func evaluate(
    _ policy: CausalLM, reference: ReferenceModel, pairs: [TokenizedPair], options: TrainingOptions,
    progress: (Int) -> Void = { _ in }
  ) throws(TorchError) -> PreferenceMetrics {
    // Longest first: if memory does not suffice, it shows at once.
    let ordered = pairs.sorted { ($0.treeLength, $1.index) > ($1.treeLength, $0.index) }
    var sums = PreferenceMetrics()
    for packed in options.microBatches(of: ordered) {
      let batch = try DeviceBatch(packed, device: policy.weights.storage.device)
      sums += try withoutGrad { () throws(TorchError) in
        let baseline = try reference.logProbabilities(batch, of: packed.pairIndices)
        let scores = try policy.sequenceLogProbabilities(batch)
        return try PreferenceMetrics(
          options.loss(policy: scores, reference: baseline), policy: scores, tokenCount: batch.tokenCount)
      }
      progress(Int(sums.pairs))
    }
    return sums
  }

  /// Where policy and reference start equal, every pair's loss is log 2 whatever the data; anything else is a defect.
  private func checkStart(_ metrics: PreferenceMetrics) throws {
    guard options.startsAtReference else { return }
    let loss = metrics.loss / metrics.pairs
    guard abs(loss - log(2)) < 1e-3 else { throw TrainingError.wrongStart(loss: loss) }
  }

  private func skipUpdate(step: Int, pairs: [Int]) throws {
    skippedSteps += 1
    skippedInARow += 1
    guard skippedInARow < Self.toleratedSkips else { throw TrainingError.notFinite(step: step, pairs: pairs) }
  }

  private func nextBatches() -> StepBatches {
    if let ready = batches?.next() { return ready }
    // The first step, or the first after a resume: from here on a thread packs ahead.
    let maker = StepBatchMaker(plan: plan, pairs: pairs, options: options)
    let first = completedSteps + 1
    let cursor = StepCursor(next: first + 1, last: plan.totalSteps)
    batches = Prefetcher { cursor.advance().map(maker.batches(ofStep:)) }
    return maker.batches(ofStep: first)
  }

  /// Goes on behind another step, with weights and moments that the caller has put in place.
  func proceed(behind step: Int, optimizerSteps: Int, skippedSteps: Int, skippedInARow: Int) {
    batches?.cancel()
    batches = nil
    completedSteps = step
    optimizer.stepCount = optimizerSteps
    self.skippedSteps = skippedSteps
    self.skippedInARow = skippedInARow
  }
}

/// What a step did.
public struct StepReport: Sendable {
  /// Counted from 1.
  public let step: Int
  /// Passes over the pairs behind, in parts of one.
  public let epoch: Double
  /// Sums over the step's pairs.
  public let metrics: PreferenceMetrics
  /// Before clipping.
  public let gradientNorm: Double
  /// The rate used.
  public let learningRate: Double
  /// Whether the update was left out because the gradient was not finite.
  public let isSkipped: Bool
  /// From its beginning to its end.
  public let duration: Duration
  /// The part of it spent waiting for the batch.
  public let dataWait: Duration
}

/// The packed micro-batches of one step.
struct StepBatches: Sendable {
  let packed: [TreeBatch]
  let pairCount: Int
}

/// Packs the pairs of any step.
struct StepBatchMaker: Sendable {
  let plan: BatchPlan
  let pairs: [TokenizedPair]
  let options: TrainingOptions

  func batches(ofStep step: Int) -> StepBatches {
    let chosen = plan.pairs(ofStep: step).map { pairs[$0] }
    return StepBatches(packed: options.microBatches(of: chosen), pairCount: chosen.count)
  }
}
