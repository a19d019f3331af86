import DPO
import Foundation
import Launcher
import Logging
import MiniMind
import Observability
import OrderedCollections
import OrderedJSON
import Preferences
import Torch
import Training

import struct Observability.Progress

/// Listens to a run: writes metrics.jsonl and TensorBoard's events, moves the progress line, lets evaluations and checkpoints
/// happen. On all processes of a job but the first it only takes part in these.
final class RunRecorder: TrainingObserver {
  /// What is learned from.
  let examples: ExampleKind
  /// The totals so far, of all starts of the run.
  private(set) var totals = RunTotals(steps: 0)
  /// What it took to know the reference's log-probabilities ahead.
  private(set) var reference = ReferencePreparation()
  /// What held-out pairs measured last; nil where nothing was measured.
  var evaluation: Evaluation? { evaluations.latest }
  /// Seconds that measuring them took, all in all.
  private(set) var evaluationSeconds = 0.0
  /// Whether it is said at each record what every rank did; else only where one lags.
  var logsRanks = false
  /// Told of new records.
  var didRecord: () -> Void = {}
  /// Told of every interval, after its record.
  var alsoRecords: (Trainer, IntervalReport) -> Void = { _, _ in }
  /// The peak of all processes together in FLOP/s: what was measured before the first step, or what an interval reached
  /// where that is more; nil where it was not measured.
  var peak: Double?
  /// The hosts of the ranks, in order.
  var hosts: [String] = []
  /// Compares the model with what it was before the run, where that is known.
  var visibility: UpdateVisibility?
  /// What that comparison found last.
  private(set) var weightChanges: WeightChanges?
  /// Why the run is to end before its last step, in words; nil where it is not.
  var endReason: Phrase? { divergenceReason ?? evaluations.endReason }
  /// The number of nats that policy and reference may differ by; nil for any.
  var divergenceLimit: Double?
  var divergenceReason: Phrase?
  var drift = DriftGuard()
  /// Watches the GPUs; nil on CPUs.
  var devices: RunDevices?
  /// Measures what the model is not trained on.
  private let evaluations: EvaluationRecorder
  /// nil on all processes of a job but the first.
  let files: RunFiles?
  private let progress: ProgressLine
  let logger = Logger(label: "train")
  private let referenceCache: ReferenceCache?
  private let requests: RunRequests
  private let saveCheckpoint: (Trainer, IntervalReport, RunHistory) throws -> Void
  /// What the run did before it was resumed.
  let history: RunHistory
  private let started = ContinuousClock.now
  private var firstStep = 0
  private var latest: IntervalReport?
  /// Tokens of both sides of all pairs so far.
  private var sideTokens = 0
  /// The tokens of a micro-batch that memory was found to suffice for.
  private var memoryLimit: Int?
  private var hasTriedToRecord = false
  private var threadTimes = ThreadTimes.current()
  private var threadsRead = ContinuousClock.now
  /// The rank that the others waited for in the interval before.
  private var laggingRank: Int?

  /// - Parameters:
  ///   - examples: what is learned from
  ///   - files: nil on all processes of a job but the first
  ///   - resumedStep: the step after which the run continues; 0 for a new one
  ///   - history: what the run did before it was resumed
  ///   - referenceCache: the reference's log-probabilities on disk; nil for none
  ///   - requests: a stop is looked at while the reference is measured; a limit of time is told how long steps take
  ///   - saveCheckpoint: saves a checkpoint of the trainer's state, which keeps what the run has done so far
  init(
    of examples: ExampleKind, files: RunFiles?, resumedStep: Int, history: RunHistory = RunHistory(),
    evaluations: EvaluationRecorder,
    progress: ProgressLine,
    referenceCache: ReferenceCache? = nil, requests: RunRequests,
    saveCheckpoint: @escaping (Trainer, IntervalReport, RunHistory) throws -> Void
  ) {
    self.examples = examples
    (self.files, self.evaluations, self.progress, self.requests) = (files, evaluations, progress, requests)
    self.referenceCache = referenceCache
    self.saveCheckpoint = saveCheckpoint
    self.history = history
    firstStep = resumedStep
    totals.steps = resumedStep
    (totals.pairs, totals.tokens, sideTokens) = (history.pairs, history.tokens, history.sideTokens)
    (totals.seconds, totals.stepSeconds) = (history.seconds, history.stepSeconds)
    drift = history.drift ?? DriftGuard()
  }

  /// Finds out the reference's log-probabilities ahead, of the pairs to learn from and the held-out ones, where they are kept.
  ///
  /// - Returns: whether the run can go on; false where it is to stop before all of the reference is known
  func prepareReference(_ trainer: Trainer) throws -> Bool {
    guard trainer.options.cachesReference else { return true }
    defer { progress.finish() }
    func show(_ done: Int, _ total: Int) {
      self.show(Progress(task: "reference", done: done, total: total, unit: "pair"))
    }
    func stops() -> Bool { requests.stop.requestedBy != nil }
    let messages = ReferenceMessages(logger: logger)
    var prepared = try trainer.prepareReference(
      cache: referenceCache, report: messages.report, progress: show, stops: stops)
    if prepared.isComplete, let reference = evaluations.reference {
      prepared += try reference.prepare(
        evaluations.pairs, options: trainer.options, ranks: trainer.ranks, cache: referenceCache,
        report: messages.report,
        progress: show, stops: stops)
    }
    reference += prepared
    messages.tell(prepared)
    return prepared.isComplete
  }

  func trainer(_ trainer: Trainer, didStep report: StepReport) throws {
    totals.steps = report.step
    totals.epochs = report.epoch
    totals.pairs += Int(report.metrics.pairs)
    totals.tokens += Int(report.metrics.tokens)
    sideTokens += Int(report.metrics.sideTokens)
    totals.seconds = history.seconds + (ContinuousClock.now - started) / .seconds(1)
    totals.stepSeconds += report.seconds
    requests.limit?.didStep(seconds: report.seconds)
    if report.step == 1 {
      logger.info(try start(trainer, loss: report.metrics.loss / report.metrics.pairs))
    }
    // All ranks skip and shrink alike; the first one says so.
    if report.isSkipped, files != nil { tellOfSkipped(report, trainer) }
    if let limit = report.shrunkTo, limit != memoryLimit, files != nil {
      memoryLimit = limit
      logger.warning(
        Phrase(
          en:
            "step \(report.step): out of memory; from here on micro-batches have at most \(HumanText.grouped(limit)) tokens. "
            + "The result is the same; --micro-batch-tokens \(limit) starts with that size",
          zh: "第 \(report.step) 步：内存不足；从这里起每个微批次最多 \(HumanText.grouped(limit)) 个 token。结果不变；"
            + "--micro-batch-tokens \(limit) 从一开始就用这个大小"))
    }
    if let reason = trainer.recordingRefusal, !hasTriedToRecord {
      hasTriedToRecord = true
      logger.warning(
        Phrase(
          en: "CUDA graphs are not used from here on, which is slower and changes nothing else: \(reason)",
          zh: "从这里起不再使用 CUDA graph，会慢一些，其他不变：\(reason)"))
    }
    show(state(trainer, report.metrics, latest, step: report.step))
  }

  func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) throws {
    latest = interval
    let seen = try devices?.report()
    guard files != nil else { return }
    var record = MetricsRecord(step: interval.step)
    record[MetricName.epoch] = interval.epoch
    for (name, value) in interval.metrics.means(of: examples) {
      record[name] = value
      if name == MetricName.loss {
        record[MetricName.gradientNorm] = interval.gradientNorm
        record[MetricName.learningRate] = interval.learningRate
      }
    }
    let divergence = divergence(of: interval, trainer)
    record[MetricName.divergence] = divergence
    record.set(MetricName.tokens, to: totals.tokens)
    record.set(MetricName.sideTokens, to: sideTokens)
    record.set(MetricName.pairs, to: totals.pairs)
    record[MetricName.tokensPerSecond] = interval.metrics.tokens / interval.seconds
    record[MetricName.pairsPerSecond] = interval.metrics.pairs / interval.seconds
    record[MetricName.utilization] = utilization(of: interval)
    record[MetricName.stepTime] = interval.seconds / Double(interval.steps)
    record[MetricName.elapsed] = totals.seconds
    record.set(MetricName.rankTimes, to: interval.rankTimes)
    record[MetricName.dataWaitTime] = interval.dataWait / Double(interval.steps)
    if interval.ranks.count > 1 {
      let exposed = interval.ranks.map(\.times.communication).max() ?? 0
      record[MetricName.communicationTime] = exposed / Double(interval.steps)
      record[MetricName.overlap] = interval.overlap
      record[MetricName.busBandwidth] = interval.busBandwidth(gradientBytes: gradientBytes(trainer))
      record[MetricName.stragglerRatio] = interval.straggler?.ratio
      if let rank = interval.straggler?.rank { record.set(MetricName.stragglerRank, to: rank) }
    }
    if interval.saving > 0 { record[MetricName.checkpointTime] = interval.saving }
    addCores(to: &record)
    if let memory = ProcessMemory.current() { record.set(MetricName.peakMemory, to: memory.peakBytes) }
    seen?.add(to: &record)
    try files?.append(record)
    var state = self.state(trainer, interval.metrics, interval, step: interval.step)
    state.learningRate = interval.learningRate
    state.gradientNorm = interval.gradientNorm
    progress.report(state)
    if interval.ranks.count > 1, logsRanks || tellsOfLag(interval) {
      Console.standardError.print(rankLine(trainer, interval).text(on: Console.standardError))
    }
    didRecord()
    alsoRecords(trainer, interval)
    if divergence != nil { try lookForDrift(trainer, interval) }
  }

  /// How the first process got on with its cores since the record before.
  private func addCores(to record: inout MetricsRecord) {
    guard let now = ThreadTimes.current() else { return }
    defer { (threadTimes, threadsRead) = (now, .now) }
    guard let before = threadTimes else { return }
    let seconds = (ContinuousClock.now - threadsRead) / .seconds(1)
    record[MetricName.coresTaken] = now.shareTaken(since: before, seconds: seconds, cores: AvailableCores.count())
    record[MetricName.coresWaited] = now.shareWaited(since: before)
  }

  /// FLOP/s of an interval over the peak. The peak is measured for a moment before the first step; an interval that is
  /// faster raises it, so that MFU is never above 1.
  private func utilization(of interval: IntervalReport) -> Double? {
    guard let measured = peak else { return nil }
    let ratio = interval.utilization(ofPeak: measured)
    guard ratio > 1 else { return ratio }
    peak = measured * ratio
    return 1
  }

  @discardableResult
  func evaluate(_ trainer: Trainer) throws -> Bool {
    let clock = ContinuousClock.now
    defer { evaluationSeconds += (ContinuousClock.now - clock) / .seconds(1) }
    defer { didRecord() }
    return try evaluations.evaluate(trainer)
  }

  func save(_ trainer: Trainer, interval: IntervalReport) throws {
    files?.lookAfterFolder()
    // A checkpoint of such weights could not be read again.
    let notFinite = try trainer.policy.tensorsNotFinite()
    guard notFinite.isEmpty else {
      throw WeightsCannotBeSaved(
        destination: "the checkpoint after step \(trainer.completedSteps)", dtype: .float32, tensors: notFinite)
    }
    if files != nil, trainer.completedSteps > 0,
      let changes = try visibility?.measure(trainer.policy, readsAgain: false)
    {
      try note(changes, atStep: trainer.completedSteps)
      if let words = visibility?.line(on: changes) { logger.info(words) }
    }
    var history = RunHistory()
    history.drift = drift
    (history.pairs, history.tokens, history.sideTokens) = (totals.pairs, totals.tokens, sideTokens)
    (history.seconds, history.stepSeconds) = (totals.seconds, totals.stepSeconds)
    history.checkpoints = self.history.checkpoints
    history.checkpointSeconds = (self.history.checkpointSeconds ?? 0) + trainer.savingSeconds
    try saveCheckpoint(trainer, interval, history)
  }

  /// Records how much of what was learnt shows in the weights, once for each step.
  func note(_ changes: WeightChanges, atStep step: Int) throws {
    weightChanges = changes
    guard notedStep != step else { return }
    notedStep = step
    var record = MetricsRecord(step: step)
    record[MetricName.weightsChanged] = changes.share
    for lost in changes.lost { record[MetricName.weightsLost(lost.dtype.rawValue)] = changes.share(lost: lost.count) }
    try files?.append(record)
  }
  private var notedStep: Int?

  /// Sees to it that there is a folder for the result.
  func lookAfterFolder() { files?.lookAfterFolder() }

  /// Gives those who hear of the run the time to get the rest, which is not long.
  func waitForAudience() { files?.waitForAudience() }

  /// Closes the files of the run.
  func finish(_ totals: RunTotals) throws {
    progress.finish()
    try files?.finish(totals)
  }

  /// What to make of the first loss.
  private func start(_ trainer: Trainer, loss: Double) throws -> Phrase {
    let objective = trainer.options.loss
    let isDPO = objective.parts == PreferenceLoss().parts
    return TrainingWords.start(
      loss: HumanText.fixed(loss, 4), objective: isDPO ? "DPO" : objective.name,
      value: try objective.valueAtReference().map { HumanText.fixed($0, 4) }, isDPO: isDPO,
      startsAtReference: trainer.options.startsAtReference)
  }

  /// A rank that the others wait for: that is what bounds the interval, and by a fifth at least.
  private func lag(in interval: IntervalReport?) -> Progress.Lag? {
    guard let interval, interval.bound == .straggler, let straggler = interval.straggler, straggler.ratio >= 1.2 else {
      return nil
    }
    return Progress.Lag(rank: straggler.rank, ratio: straggler.ratio)
  }

  /// Whether a rank has begun to lag, which is worth a line of its own.
  private func tellsOfLag(_ interval: IntervalReport) -> Bool {
    let rank = lag(in: interval)?.rank
    defer { laggingRank = rank }
    return rank != nil && rank != laggingRank
  }

  private func rankLine(_ trainer: Trainer, _ interval: IntervalReport) -> RankLine {
    RankLine(interval, hosts: hosts, gradientBytes: gradientBytes(trainer))
  }

  private func gradientBytes(_ trainer: Trainer) -> Int {
    trainer.policy.trainedParameters.reduce(0) { $0 + $1.parameter.count } * MemoryLayout<Float>.size
  }

  private func show(_ state: Progress) {
    if files != nil { progress.update(state) }
  }

  private func state(
    _ trainer: Trainer, _ sums: PreferenceMetrics, _ interval: IntervalReport?, step: Int
  ) -> Progress {
    let means = Dictionary(uniqueKeysWithValues: sums.means(of: examples).map { ($0.name, $0.value) })
    var state = Progress(done: step, total: trainer.plan.totalSteps)
    (state.loss, state.example) = (means["loss"], examples.noun)
    state.margin = means["rewards/margins"]
    if let margin = state.margin, !RewardMargin.isNone(margin) { state.accuracy = means["rewards/accuracies"] }
    if let interval, interval.seconds > 0 {
      state.pairsPerSecond = interval.metrics.pairs / interval.seconds
      state.tokensPerSecond = interval.metrics.tokens / interval.seconds
    }
    let perStep = (totals.seconds - history.seconds) / Double(max(1, step - firstStep))
    state.secondsLeft = perStep * Double(trainer.plan.totalSteps - step)
    state.lagging = lag(in: interval)
    state.device = devices?.shortText
    state.memoryBytes = devices?.memoryBytes ?? ProcessMemory.current()?.residentBytes
    return state
  }
}
