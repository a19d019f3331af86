import DPO
import Foundation
import MiniMind
import Preferences
import Torch

/// Direct Preference Optimization of one model: the optimizer step and what it needs.
///
/// A step is synchronous and belongs to one thread; only the packing of the next batches happens on another. Loss and
/// gradients are means over the pairs of the step's whole batch, however it was divided into micro-batches and, where
/// several processes train together, among them.
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

  /// What this process is doing.
  public let activity: Activity
  /// The processes that train together; nil for one alone.
  public let ranks: Ranks?
  /// The frozen model that the policy is compared with.
  public let reference: ReferenceModel

  let update: WeightUpdate
  let pairs: [TokenizedPair]
  private let device: Device
  private var batches: Prefetcher<StepBatches>?

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
    device = policy.weights.storage.device
    plan = BatchPlan(
      pairCount: pairs.count, globalBatchSize: options.globalBatchSize(worldSize: ranks.size), epochs: options.epochs,
      maxSteps: options.maxSteps, shuffles: options.shuffles, seed: options.seed)
    schedule = options.schedule(totalSteps: plan.totalSteps)
    // Equal already, where all ranks have read the same files; this makes sure.
    try ranks?.gradients.broadcast(policy.weights.storage, from: 0)
    update = try WeightUpdate(
      parameters: policy.weights, named: policy.namedParameters, ranks: ranks, options: options.adam)
  }

  deinit {
    batches?.cancel()
  }

  /// One optimizer step: forward and backward over its pairs, the exchange between ranks, clipping, AdamW.
  ///
  /// - Parameter stops: asked once, when the step is computed: whether this process wishes to stop behind it
  /// - Throws: `TrainingError` when the loss does not start where it must or gradients stay infinite, `TorchError`.
  public func step(stops: () -> Bool = { false }) throws -> StepReport {
    var watch = Stopwatch()
    let step = completedSteps + 1
    activity.set(.waitingForData, step: step)
    let batches = nextBatches()
    watch.book(\.data)

    activity.set(.computing)
    try update.clearGradients()
    var metrics = PreferenceMetrics()
    var operations = 0.0
    for (place, batch) in batches.packed.enumerated() {
      if place == batches.packed.count - 1 { try update.expectLastBackward() }
      metrics += try accumulateGradients(batch, pairsOfStep: batches.pairCount, &watch)
      operations += Arithmetic.training(
        batch, of: policy.configuration, onlineReference: !options.cachesReference)
    }
    if batches.packed.isEmpty { try update.expectLastBackward() }

    activity.set(.exchangingGradients)
    let exchange = try update.finishExchange()
    let together = try sum(metrics, stops: stops())
    watch.book(\.communication)
    activity.set(.updating)
    if step == 1 { try checkStart(together.metrics) }

    let norm = try update.clip(maximum: options.maxGradientNorm)
    let rate = schedule.rate(ofStep: step)
    if norm.isFinite {
      skippedInARow = 0
      try update.apply(learningRate: rate)
    } else {
      try skipUpdate(step: step)
    }
    watch.book(\.update)
    completedSteps = step
    return StepReport(
      step: step, epoch: plan.epoch(afterStep: step), metrics: together.metrics, ownMetrics: metrics,
      ownOperations: operations,
      gradientNorm: norm, learningRate: rate, isSkipped: !norm.isFinite, isLastWish: together.stops, times: watch.times,
      exchange: exchange)
  }

  /// The sums over all ranks, and whether one of them wishes to stop.
  private func sum(_ metrics: PreferenceMetrics, stops: Bool) throws(TorchError) -> (
    metrics: PreferenceMetrics, stops: Bool
  ) {
    guard let ranks else { return (metrics, stops) }
    var sums = try ranks.control.sum(metrics.sums + [stops ? 1 : 0])
    let stops = sums.removeLast() > 0
    return (PreferenceMetrics(sums: sums), stops)
  }

  /// Adds the gradients of a micro-batch's part of the mean loss.
  func accumulateGradients(
    _ packed: TreeBatch, pairsOfStep: Int, _ watch: inout Stopwatch
  ) throws(TorchError) -> PreferenceMetrics {
    let batch = try DeviceBatch(packed, device: device)
    watch.book(\.data)
    let reference = try self.reference.logProbabilities(batch, of: packed.pairIndices)
    watch.book(\.reference)
    let policy = try self.policy.sequenceLogProbabilities(batch)
    let result = try options.loss(policy: policy, reference: reference)
    watch.book(\.forward)
    try result.losses.sum().divide(Double(pairsOfStep)).backward()
    watch.book(\.backward)
    return try PreferenceMetrics(result, policy: policy, tokenCount: batch.tokenCount)
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
    for packed in options.forwardBatches(of: ranks.share(of: pairs, by: work)) {
      if stops() { break }
      let batch = try DeviceBatch(packed, device: policy.weights.storage.device)
      sums += try withoutGrad { () throws(TorchError) in
        let baseline = try reference.logProbabilities(batch, of: packed.pairIndices)
        let scores = try policy.sequenceLogProbabilities(batch)
        return try PreferenceMetrics(
          options.loss(policy: scores, reference: baseline), policy: scores, tokenCount: batch.tokenCount)
      }
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
      for packed in options.forwardBatches(of: ranks.share(of: round, by: work)) {
        if stops() { break }
        if !packed.pairIndices.allSatisfy(reference.knows) {
          _ = try reference.logProbabilities(DeviceBatch(packed, device: device), of: packed.pairIndices)
        }
        done += packed.pairCount
        progress(start + min(done * ranks.size, round.count), seen.count)
      }
      guard try reference.share(missing, among: ranks) else { return false }
    }
    return true
  }

  /// Limits the tokens of a micro-batch from the next step on.
  func limitMicroBatches(toTokens tokens: Int) {
    options.microBatchTokens = tokens
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

  private func skipUpdate(step: Int) throws {
    skippedSteps += 1
    skippedInARow += 1
    guard skippedInARow < Self.toleratedSkips else {
      throw TrainingError.notFinite(step: step, pairs: plan.pairs(ofStep: step).map { pairs[$0].index })
    }
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

  /// Goes on behind another step, with weights and moments that the caller has put in place.
  func proceed(behind step: Int, optimizerSteps: Int, skippedSteps: Int, skippedInARow: Int) {
    batches?.cancel()
    batches = nil
    completedSteps = step
    update.stepCount = optimizerSteps
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
  /// Whether this process or another wishes to stop here.
  public let isLastWish: Bool
  /// Where its time went.
  public let times: StepTimes
  /// Seconds from the first gradient that was sent to the last that came, backward passes included; 0 for a process alone.
  public let exchange: Double

  /// Seconds from its beginning to its end.
  public var seconds: Double { times.total }
}
