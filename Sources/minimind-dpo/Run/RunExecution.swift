import DPO
import Files
import Foundation
import Launcher
import Logging
import Observability
import OrderedJSON
import Preferences
import Torch
import Training

/// One training on inputs that are ready, from its first step, or from where a checkpoint stands, to its last.
struct RunExecution {
  private let request: TrainingRequest
  private let inputs: RunInputs
  private let place: RunPlace
  private var folder: RunFolder? { place.records }
  private let trainer: Trainer
  private let evaluationReference: ReferenceModel?
  private let checkpoints: RunCheckpoints
  private let saver: CheckpointSaver
  /// What the run goes on from.
  private let start: RunCheckpoints.Start
  private let identity: [String: String]
  private let logger = Logger(label: "train")

  /// Makes the trainer, and puts it where the run stands.
  ///
  /// - Parameter place: where the run is recorded and saved
  init(_ request: TrainingRequest, _ inputs: RunInputs, in place: RunPlace) throws {
    (self.request, self.inputs, self.place) = (request, inputs, place)
    let job = inputs.job
    let caches = request.training.cachesReference
    let needsReference = request.training.loss.needsReference
    let reference = needsReference ? inputs.trainingReference(keepsResults: caches) : nil
    // One that follows the policy is never the same for long.
    evaluationReference =
      needsReference && request.training.referenceSync == nil
      ? inputs.evaluationReference(of: inputs.evaluationSets.flatMap(\.pairs), sharesResults: caches) : reference
    trainer = try Trainer(
      policy: inputs.policy, reference: reference, pairs: inputs.pairs,
      options: Self.options(of: request, inputs),
      ranks: job.ranks(zeroStage: request.zeroStage, writers: job.ranks(where: place.checkpoints != nil)),
      activity: job.activity)
    trainer.dataFiles = inputs.training.files.map(\.source.path)
    identity = Self.identity(request, inputs, trainer: trainer)
    checkpoints = RunCheckpoints(request.output, job.environment)
    saver = CheckpointSaver(request.output, in: place.checkpoints)
    start = try checkpoints.restore(trainer, in: place, identity: identity, job)
  }

  /// Whether the run in the folder, which is to be resumed, has come to its end; on the first rank.
  var isFinished: Bool {
    guard let folder, checkpoints.resumesNewest, folder.holdsFinishedRun else { return false }
    if let miniMind = MiniMindRun(request), !miniMind.hasResult(of: inputs.policy) { return false }
    return start.isResumed || folder.identity == identity
  }

  /// Trains until the end, or until a stop is asked for, which leaves a checkpoint.
  ///
  /// - Parameter announces: whether it is said first what trains where
  func train(until requests: RunRequests, announces: Bool = true) throws -> RunOutcome {
    let (job, stop) = (inputs.job, requests.stop)
    // A run that has saved nothing yet begins again when it is resumed.
    if let folder = place.checkpoints, !start.isResumed, folder.holdsRun { try folder.removePreviousRun() }
    if announces {
      for line in RunBanner(trainer: trainer, job: job, examples: request.pairs.examples).lines {
        logger.info(line)
      }
    }
    if let folder = place.checkpoints { try writeDescription(to: folder) }
    if trainer.options.findsMicroBatchTokens { try findMicroBatchTokens() }
    let miniMind = folder == nil ? nil : MiniMindRun(request)
    miniMind?.remarks(on: inputs.policy).forEach { logger.info($0) }

    let files = try folder.map { folder -> EvaluationRecorder.Files in
      let step = trainer.completedSteps
      return (
        records: try RunFiles(
          in: folder, resumedStep: step, request.output, goesOn: start.isResumed || checkpoints.resumesNewest),
        samples: inputs.watched.prompts == nil ? nil : try SampleFile(in: folder, resumedStep: step)
      )
    }
    if let folder, let files {
      files.records.whenMoved.append { try writeDescription(to: folder) }
      if let samples = files.samples { files.records.whenMoved.append { try samples.move(to: folder) } }
    }
    let progress = ProgressLine()
    let evaluations = EvaluationRecorder(
      request, inputs, reference: evaluationReference, stop: stop, files: files, progress: progress,
      resuming: start.notes)
    let recorder = RunRecorder(
      of: request.pairs.examples, files: files?.records, resumedStep: trainer.completedSteps,
      history: RunHistory(in: start.notes), evaluations: evaluations, progress: progress,
      referenceCache: request.referenceCache, requests: requests
    ) { trainer, interval, history in
      // What is remembered of evaluations depends on whether the checkpoint before this one is there.
      if let step = try saver.finish() { evaluations.didKeep(step) }
      let notes = try evaluations.notes(at: trainer.completedSteps)
      var history = history
      history.checkpoints = (history.checkpoints ?? 0) + saver.saved + 1
      let step = try saver.save(best: notes.best, isLast: trainer.isStopping || trainer.completedSteps == 0) {
        try RunCheckpoint.contents(
          of: trainer, interval: interval, tokenizer: inputs.tokenizer, identity: identity,
          notes: notes.files.merging([RunHistory.fileName: try history.data]) { own, _ in own })
      } with: { copies in
        try trainer.completedSteps > 0 ? miniMind?.drafts(of: trainer.policy, copies: copies) ?? [] : []
      }
      if let step { evaluations.didKeep(step) }
    }
    // Weights and two moments, of four bytes each.
    requests.limit?.expectSave(bytes: 12 * trainer.policy.trainedParameters.reduce(0) { $0 + $1.parameter.count })
    saver.didWrite = { [limit = requests.limit] in limit?.didSave(seconds: $0) }
    recorder.hosts = job.communicator?.roster.members.map(\.host) ?? []
    recorder.logsRanks = request.distribution.logsRanks
    recorder.peak = try inputs.peak()
    recorder.devices = try RunDevices(job, ordinal: job.placement.ordinal)
    recorder.visibility = UpdateVisibility(request, inputs)
    recorder.divergenceLimit = request.evaluation.divergenceLimit
    recorder.alsoRecords = { miniMind?.log($1, of: $0) }
    let report = folder.map { RunReport(in: $0) }
    if let report { LastWords.set { [activity = trainer.activity] in report.fail($0, step: activity.current.step) } }
    defer { LastWords.set(nil) }
    recorder.didRecord = { report?.refresh() }
    // Whatever ends the run, the checkpoint that is on its way is not lost.
    defer { _ = try? saver.finish() }
    let stoppedBy: String?
    do {
      stoppedBy = try takeSteps(until: requests, recorder: recorder)
    } catch {
      recorder.note(error, trainer)
      try? report?.finish()
      recorder.waitForAudience()
      throw error
    }
    let waiting = ContinuousClock.now
    if let step = try saver.finish() { evaluations.didKeep(step) }
    let waited = (ContinuousClock.now - waiting) / .seconds(1)
    job.activity.set(.finishing)
    var totals = totals(recorder, stoppedBy: stoppedBy)
    totals.checkpoints = (recorder.history.checkpoints ?? 0) + saver.saved
    totals.checkpointSeconds = (recorder.history.checkpointSeconds ?? 0) + trainer.savingSeconds + waited
    totals.endedEarly = stoppedBy == nil ? recorder.endReason?.en : nil
    var choice: ModelChoice?
    if stoppedBy == nil, let folder = place.checkpoints {
      evaluations.didKeep(trainer.completedSteps)
      choice = ModelChoice(evaluations.state.best, request.evaluation, after: trainer.completedSteps)
      recorder.lookAfterFolder()
      try choice?.take(into: trainer.policy, from: folder)
    }
    return RunOutcome(trainer: trainer, recorder: recorder, totals: totals, choice: choice, report: report)
  }

  /// Says what the run needs instead of running it.
  func dryRun(programBytes: Int?) throws {
    if trainer.options.findsMicroBatchTokens { try findMicroBatchTokens() }
    try DryRun(request: request, inputs: inputs, trainer: trainer, programBytes: programBytes).run()
  }

  /// All steps, with what is measured before and after them.
  ///
  /// - Returns: what stopped the run before its end, or nil
  private func takeSteps(until requests: RunRequests, recorder: RunRecorder) throws -> String? {
    let stop = requests.stop
    guard try recorder.prepareReference(trainer) else {
      // What is known of the reference need not be computed again.
      try recorder.save(trainer, interval: start.interval)
      return stop.requestedBy ?? "another rank"
    }
    trainer.activity.set(.evaluating)
    if trainer.completedSteps == 0 { try recorder.evaluate(trainer) }
    let stoppedBy = try trainer.run(resuming: start.interval, until: stop, savingOn: requests.save, observer: recorder)
    trainer.activity.set(.evaluating)
    if stoppedBy == nil { try recorder.evaluate(trainer) }
    return stoppedBy
  }

  private func totals(_ recorder: RunRecorder, stoppedBy: String?) -> RunTotals {
    var totals = recorder.totals
    totals.pairsRead = inputs.training.pairsRead
    totals.truncated = inputs.training.truncatedSides
    totals.stoppedBy = stoppedBy
    totals.evaluationSeconds = recorder.evaluationSeconds
    totals.referenceSeconds = recorder.reference.seconds
    totals.restarts = inputs.job.environment.restartCount
    for (reason, count) in inputs.training.dropped { totals.dropped[reason.rawValue] = count }
    return totals
  }

  // MARK: - Before the first step

  /// The options of the trainer, with all intervals in steps.
  private static func options(of request: TrainingRequest, _ inputs: RunInputs) -> TrainingOptions {
    var options = request.training
    options.mixture = inputs.training.mixture
    // What an adapter that was trained already drops, its reference does not.
    if let adapter = inputs.policy.adapter, adapter.drops, request.lora == nil { options.startsAtReference = false }
    let plan = options.plan(pairs: inputs.pairs.count, worldSize: inputs.job.worldSize)
    options.evaluationSteps = request.output.evaluations?.steps(perEpoch: plan.stepsPerEpoch)
    options.saveSteps = request.output.saves?.steps(perEpoch: plan.stepsPerEpoch)
    return options
  }

  /// What must not change when a run is continued.
  private static func identity(_ request: TrainingRequest, _ inputs: RunInputs, trainer: Trainer) -> [String: String] {
    let options = request.training
    let type = inputs.job.placement.type
    // What runs of earlier versions did not have is named only where it is used.
    var later = type == .float32 ? [:] : ["precision": type.rawValue]
    if !trainer.plan.mixture.isPlain { later["mixture"] = "\(trainer.plan.mixture)" }
    let plain = PreferenceLoss(options.loss.parts, beta: options.loss.beta, labelSmoothing: options.loss.labelSmoothing)
    if options.loss != plain { later["loss"] = options.loss.description }
    if trainer.policy.configuration.experts != nil, let coefficient = options.routerAuxLossCoefficient {
      later["router-aux-loss-coef"] = "\(coefficient)"
    }
    if let adapter = inputs.policy.adapter { later["adapter"] = adapter.description }
    if let sync = options.referenceSync { later["sync-ref-model"] = sync.description }
    return later.merging([
      "pairs": inputs.pairs.contentHash, "seed": "\(options.seed)", "shuffle": "\(options.shuffles)",
      "global batch": "\(trainer.plan.globalBatchSize)", "steps": "\(trainer.plan.totalSteps)",
      "learning-rate": "\(options.learningRate)", "lr-scheduler-type": options.scheduleShape.rawValue,
      "min-lr-rate": "\(options.minimumRateRatio)", "warm-up steps": "\(trainer.schedule.warmupSteps)",
      "beta": "\(options.loss.beta)", "loss-type": options.loss.name,
      "label-smoothing": "\(options.loss.labelSmoothing)",
      "weight-decay": "\(options.adam.weightDecay)", "max-grad-norm": "\(options.maxGradientNorm)",
      "adam": "\(options.adam.beta1) \(options.adam.beta2) \(options.adam.epsilon)",
    ]) { known, _ in known }
  }

  private func writeDescription(to folder: RunFolder) throws {
    // The environment first: by it restarted workers recognise their folder.
    let environment = try RunEnvironment.json(
      of: inputs.job, started: inputs.started, training: trainer.options, identity: identity)
    try writeAtomically(Data((environment.serialized(.pretty) + "\n").utf8), to: folder.file("environment.json"))
    try RunConfiguration.write(request.settings, to: folder)
    let data = DataRecord.json(of: inputs.training, heldOut: inputs.evaluationPairs.count)
    try writeAtomically(Data((data.serialized(.pretty) + "\n").utf8), to: folder.file(DataRecord.fileName))
  }

  private func findMicroBatchTokens() throws(TorchError) {
    if trainer.options.microBatchTokens == nil {
      logger.info(Phrase(en: "micro-batches: measuring which size is fastest", zh: "微批次：正在测量哪种大小最快"))
    }
    let trials = try trainer.findMicroBatchTokens(memory: inputs.job.placement.memory)
    let measured = trials.map {
      "\(HumanText.grouped($0.limit)): \(HumanText.short($0.tokensPerSecond)) tokens/s"
    }.joined(separator: ", ")
    let how = measured.isEmpty ? Phrase(en: "as before", zh: "与之前相同") : Phrase(measured)
    let found = trainer.options.microBatchTokens.map { HumanText.grouped($0) }
    logger.info(
      Phrase(
        en: "micro-batches: of up to \(found ?? "any number of") tokens (\(how.en))",
        zh: "微批次：\(found.map { "最多 \($0) 个 token" } ?? "不限 token 数")（\(how.zh)）"))
  }
}

/// A training that is over, or was stopped.
struct RunOutcome {
  /// The trainer, with the trained model.
  let trainer: Trainer
  /// Wrote the files of the run, which it has not closed yet.
  let recorder: RunRecorder
  /// The numbers of the run, with what stopped it.
  let totals: RunTotals
  /// Which step's model was taken; nil where the last one is taken without asking.
  let choice: ModelChoice?
  /// The page of the run; nil on all processes of a job but the first.
  let report: RunReport?
}
