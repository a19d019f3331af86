import Files
import Foundation
import Launcher
import Logging
import MiniMind
import Observability
import OrderedCollections
import OrderedJSON
import Preferences
import Tokenization
import Torch
import Training

/// `train` from its first line to its last: reads everything, trains, saves, sums up. Every process of a job does so; the
/// first writes and speaks.
struct TrainingRun {
  private let request: TrainingRequest
  private let environment: WorkerEnvironment
  private let placement: Placement
  private let logger = Logger(label: "train")

  init(_ request: TrainingRequest, placement: Placement) throws {
    self.request = request
    self.placement = placement
    environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
  }

  func run() throws {
    // Whether the folder can be used is worth knowing first; a run in it is replaced only once this one can begin.
    let folder =
      environment.rank == 0 ? try RunFolder(location, existing: existing == .overwrite ? .resume : existing) : nil
    do {
      let job = try Job(environment, request.distribution, placement: placement)
      try job.together { try run(in: folder, of: job) }
    } catch {
      folder?.removeIfUnused()
      throw error
    }
  }

  private func run(in folder: RunFolder?, of job: Job) throws {
    let started = try startDate(of: folder, job)
    try job.communicator?.requireAgreement(on: configuration, about: "configuration")

    let tokenizerFolder = try request.source.tokenizerFolder
    // Before the data: a model that cannot be read should not cost the time of tokenizing.
    let policy = try request.source.load()
    let reference = try referenceModel(of: policy)
    try VocabularyCheck.requireSame(policy: policy, reference: reference)
    job.activity.set(.preparingData)
    let data = try prepare(
      request.trainingPairs, as: "training data", tokenizer: tokenizerFolder, model: policy, started: started)
    let held = try request.evaluationPairs.map {
      try prepare($0, as: "evaluation data", tokenizer: tokenizerFolder, model: policy, started: started)
    }
    for pairs in [data, held].compactMap(\.self) { try check(pairs, against: policy.configuration) }
    let usable = try data.usable()
    let heldUsable = try held?.usable() ?? []
    try job.communicator?.requireAgreement(
      on: [
        "training pairs": usable.contentHash, "evaluation pairs": heldUsable.contentHash,
        "model": policy.contentHash(), "reference model": reference.contentHash(),
      ], about: "inputs")

    policy.recomputesLayers = request.recomputesLayers
    for model in [policy, reference] { try model.place(on: placement.device, multiplyingIn: placement.type) }
    let trainer = try Trainer(
      policy: policy, reference: reference, pairs: usable, options: trainingOptions(pairs: usable.count),
      ranks: job.ranks(zeroStage: request.zeroStage), activity: job.activity)
    let identity = self.identity(usable, trainer: trainer)
    let resumed = try resume(trainer, in: folder, identity: identity, job)
    if folder != nil, existing == .overwrite { _ = try RunFolder(location, existing: .overwrite) }
    let stop = StopRequest()
    let interruption = Interruption(stop, speaks: job.isFirst)
    for line in RunBanner(trainer: trainer, job: job, pairs: usable.count).lines { logger.info("\(line)") }
    if let folder { try writeDescription(of: job, started: started, to: folder) }
    if trainer.options.findsMicroBatchTokens { try findMicroBatchTokens(trainer) }
    let miniMind = folder == nil ? nil : MiniMindRun(request)
    miniMind?.remarks(on: policy).forEach { logger.info("\($0)") }

    let recorder = try RunRecorder(
      folder: folder, resumedStep: trainer.completedSteps, evaluationPairs: heldUsable,
      evaluationReference: ReferenceModel(reference, keepsResults: true),
      evaluationBatchSize: request.output.evaluationBatchSize, stop: stop
    ) { trainer, interval in
      try save(trainer, interval: interval, identity: identity, tokenizer: tokenizerFolder, in: folder)
      if trainer.completedSteps > 0 { try miniMind?.write(trainer.policy, isLast: false) }
    }
    recorder.hosts = job.communicator?.roster.members.map(\.host) ?? []
    recorder.peak = try peak(of: policy, job)
    recorder.devices = try RunDevices(job, ordinal: placement.ordinal)
    recorder.alsoRecords = { miniMind?.log($1, of: $0) }
    let stoppedBy = try train(trainer, resuming: resumed, until: stop, recorder: recorder)
    job.activity.set(.finishing)
    interruption.end()

    var totals = recorder.totals
    totals.pairsRead = data.statistics.pairs
    totals.truncated = data.statistics.truncatedSides
    totals.stoppedBy = stoppedBy
    totals.restarts = environment.restartCount
    for (reason, count) in data.statistics.dropped { totals.dropped[reason.rawValue] = count }
    if let stoppedBy {
      try recorder.finish(totals)
      // After the checkpoint: a rank that leaves earlier could end the others.
      try job.communicator?.leave()
      throw Failure(
        .stopped,
        "stopped by \(stoppedBy) after step \(trainer.completedSteps) of \(trainer.plan.totalSteps); "
          + "continue with the same command and --resume-from-checkpoint auto.")
    }
    guard let folder else { return }
    try ModelFiles.writeFolder(
      policy, to: folder.location, tokenizer: tokenizerFolder, dtype: request.output.dtype)
    try miniMind?.write(policy, isLast: true)
    try recorder.finish(totals)
    try HTMLReport([ReportRun(folder: folder.location)]).write(to: folder.file("report.html"))
    try summarize(
      totals, trainer: trainer, reference: reference, evaluationPairs: held?.statistics.usablePairs, in: folder)
  }

  // MARK: - Before the first step

  private var location: URL { URL(fileURLWithPath: request.output.folder, isDirectory: true) }

  /// Whether earlier workers of this job began the run in the folder: restarted workers resume it.
  private var continuesJob: Bool {
    environment.restartCount > 0 && RunEnvironment.job(of: location) == environment.jobName
  }

  private var existing: RunFolder.Existing {
    if continuesJob { return .resume }
    if request.output.checkpoint != nil { return .resume }
    return request.output.replacesRun ? .overwrite : .refuse
  }

  private func trainingOptions(pairs: Int) -> TrainingOptions {
    var options = request.training
    let plan = BatchPlan(
      pairCount: pairs, globalBatchSize: options.globalBatchSize(worldSize: environment.worldSize),
      epochs: options.epochs, seed: options.seed)
    options.evaluationSteps = request.output.evaluations?.steps(perEpoch: plan.stepsPerEpoch)
    options.saveSteps = request.output.saves?.steps(perEpoch: plan.stepsPerEpoch)
    return options
  }

  /// When the run began, as its first process says: templates that print the date must print one.
  private func startDate(of folder: RunFolder?, _ job: Job) throws -> Date {
    let own = existing == .resume ? folder.flatMap(RunEnvironment.start) ?? Date() : Date()
    guard let communicator = job.communicator else { return own }
    let told = try communicator.fromFirst("\(Int(own.timeIntervalSince1970))", about: "start")
    return Date(timeIntervalSince1970: Double(told) ?? own.timeIntervalSince1970)
  }

  /// What must be the same on all ranks, by option.
  private var configuration: [String: String] {
    // By its bytes: hosts have copies of it, written at different times.
    let program = Training.contentHash(ofFile: Program.location)
    var facts = ["program": Version.number, "program file": program ?? "unknown", "LibTorch": Runtime.version]
    facts["precision"] = placement.type.rawValue
    for (name, value) in request.settings where !RunConfiguration.mayDiffer.contains(name) {
      facts["--" + name] = value?.description
    }
    return facts
  }

  private func prepare(
    _ path: String, as name: String, tokenizer: URL, model: CausalLM, started: Date
  ) throws -> PreparedPairs {
    let pairs = try PreparedPairs(
      contentsOf: path,
      tokenizer: VocabularyCheck.tokenizer(in: tokenizer, for: model) {
        if environment.rank == 0 { logger.warning("\($0)") }
      }, folder: tokenizer,
      options: request.pairs, cache: request.tokenCache, now: started)
    logger.info("\(pairs.describe(as: name, path: path))")
    return pairs
  }

  private func writeDescription(of job: Job, started: Date, to folder: RunFolder) throws {
    // The environment first: by it restarted workers recognise their folder.
    let environment = try RunEnvironment.json(of: job, started: started)
    try writeAtomically(Data((environment.serialized(.pretty) + "\n").utf8), to: folder.file("environment.json"))
    try RunConfiguration.write(request.settings, to: folder)
  }

  /// The model named, or a copy of the policy as it is now.
  private func referenceModel(of policy: CausalLM) throws -> CausalLM {
    if let path = request.reference {
      return try request.source.load(path)
    }
    return try policy.copy()
  }

  private func check(_ pairs: PreparedPairs, against configuration: ModelConfiguration) throws {
    if let largest = pairs.tokenized.largestID, Int(largest) >= configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(largestID: Int(largest), vocabulary: configuration.vocabularySize)
    }
    if environment.rank == 0, request.pairs.maxLength > configuration.maximumPositions {
      logger.warning(
        "--max-length \(request.pairs.maxLength) exceeds the \(configuration.maximumPositions) positions that the model was made for"
      )
    }
  }

  /// What must not change when a run is continued.
  private func identity(_ pairs: [TokenizedPair], trainer: Trainer) -> [String: String] {
    let options = request.training
    // Runs of earlier versions, all in float32, do not name it.
    let precision = placement.type == .float32 ? [:] : ["precision": placement.type.rawValue]
    return precision.merging([
      "pairs": pairs.contentHash, "seed": "\(options.seed)", "shuffle": "\(options.shuffles)",
      "global batch": "\(trainer.plan.globalBatchSize)", "steps": "\(trainer.plan.totalSteps)",
      "learning-rate": "\(options.learningRate)", "lr-scheduler-type": options.scheduleShape.rawValue,
      "min-lr-rate": "\(options.minimumRateRatio)", "warm-up steps": "\(trainer.schedule.warmupSteps)",
      "beta": "\(options.loss.beta)",
      "loss-type": request.lossType, "label-smoothing": "\(options.loss.labelSmoothing)",
      "weight-decay": "\(options.adam.weightDecay)", "max-grad-norm": "\(options.maxGradientNorm)",
      "adam": "\(options.adam.beta1) \(options.adam.beta2) \(options.adam.epsilon)",
    ]) { known, _ in known }
  }

  private func resume(
    _ trainer: Trainer, in folder: RunFolder?, identity: [String: String], _ job: Job
  ) throws -> IntervalReport {
    let checkpoint = try folder.flatMap(checkpoint(in:))
    let isThere = checkpoint != nil
    guard try job.communicator?.fromFirst("\(isThere)", about: "resume") ?? "\(isThere)" == "true" else {
      return IntervalReport()
    }
    let interval = try RunCheckpoint.restore(trainer, from: checkpoint, identity: identity)
    if let checkpoint { logger.info("resuming after step \(trainer.completedSteps) from \(checkpoint.path)") }
    return interval
  }

  /// The checkpoint to go on from; nil for a new run.
  private func checkpoint(in folder: RunFolder) throws -> URL? {
    func newest() throws -> URL { try RunCheckpoint.newest(in: folder) { logger.warning("\($0)") } }
    if continuesJob {
      // Workers that died before their first checkpoint start over.
      if !folder.checkpoints.isEmpty { return try newest() }
      if request.output.checkpoint == "auto" { return nil }
    }
    return try request.output.checkpoint.map {
      try $0 == "auto" ? newest() : URL(fileURLWithPath: $0, isDirectory: true)
    }
  }

  /// What all processes together could compute in a second, all measuring at once as they will train.
  private func peak(of policy: CausalLM, _ job: Job) throws -> Double {
    try job.communicator?.group.barrier()
    // A rough number soon: it is divided by, not optimised for.
    let own = try PeakRate.measure(
      of: policy.configuration, tokens: 2048, attempts: 3, device: placement.device, type: placement.type)
    return try job.communicator?.group.sum([own])[0] ?? own
  }

  private func findMicroBatchTokens(_ trainer: Trainer) throws(TorchError) {
    if trainer.options.microBatchTokens == nil { logger.info("micro-batches: measuring which size is fastest") }
    let trials = try trainer.findMicroBatchTokens(memory: placement.memory)
    let found = trainer.options.microBatchTokens.map { HumanText.grouped($0) } ?? "any number of"
    let measured = trials.map {
      "\(HumanText.grouped($0.limit)): \(HumanText.short($0.tokensPerSecond)) tokens/s"
    }.joined(separator: ", ")
    logger.info("micro-batches: of up to \(found) tokens (\(measured.isEmpty ? "as before" : measured))")
  }

  // MARK: - During and after

  /// All steps, with what is measured before and after them.
  ///
  /// - Returns: what stopped the run before its end, or nil
  private func train(
    _ trainer: Trainer, resuming interval: IntervalReport, until stop: StopRequest, recorder: RunRecorder
  ) throws -> String? {
    guard try recorder.prepareReference(trainer) else {
      // What is known of the reference need not be computed again.
      try recorder.save(trainer, interval: interval)
      return stop.requestedBy ?? "another rank"
    }
    trainer.activity.set(.evaluating)
    if trainer.completedSteps == 0 { try recorder.evaluate(trainer) }
    let stoppedBy = try trainer.run(resuming: interval, until: stop, observer: recorder)
    trainer.activity.set(.evaluating)
    if stoppedBy == nil { try recorder.evaluate(trainer) }
    return stoppedBy
  }

  /// A full disk must not end a run whose older checkpoint is whole.
  private func save(
    _ trainer: Trainer, interval: IntervalReport, identity: [String: String], tokenizer: URL, in folder: RunFolder?
  ) throws {
    guard let folder else {
      // Only its part of the optimizer's state is asked for.
      return try RunCheckpoint.write(
        trainer, interval: interval, tokenizer: tokenizer, identity: identity, to: location)
    }
    let checkpoint = folder.checkpoint(step: trainer.completedSteps)
    do {
      try RunCheckpoint.write(trainer, interval: interval, tokenizer: tokenizer, identity: identity, to: checkpoint)
      logger.info("saved \(checkpoint.path)")
      if let limit = request.output.checkpointLimit { folder.removeOldCheckpoints(keeping: limit) }
    } catch let error as FileError where error.isWriteFailure && !folder.checkpoints.isEmpty {
      logger.warning("no checkpoint at step \(trainer.completedSteps): \(error). Older checkpoints are as they were.")
    }
  }

  private func summarize(
    _ totals: RunTotals, trainer: Trainer, reference: CausalLM, evaluationPairs: Int?, in folder: RunFolder
  ) throws {
    var summary = RunSummary(
      totals: totals, learningRate: request.training.learningRate, beta: request.training.loss.beta)
    summary.lossType = request.lossType
    summary.startsAtReference = trainer.options.startsAtReference
    summary.takeSnapshots(
      from: try MetricsLog(contentsOf: folder.file("metrics.jsonl")), evaluationPairs: evaluationPairs)
    summary.outputs = [.folder(request.output.folder)]
    if let miniMind = MiniMindRun(request) { summary.outputs.append(.weightFile(miniMind.file(of: trainer.policy))) }
    summary.files = [
      "report": folder.file("report.html").relativePath, "metrics": folder.file("metrics.jsonl").relativePath,
    ]
    if request.reference == nil, request.output.dtype != .float32 {
      let (changed, lost) = try trainer.policy.changesLost(from: reference, savedAs: request.output.dtype)
      summary.notes.append(
        "Of \(HumanText.counted(changed, "weight")) that training changed, \(HumanText.grouped(lost)) "
          + "(\(HumanText.percent(Double(lost) / Double(max(1, changed))))) are the same as before in the saved "
          + "\(request.output.dtype.rawValue) file: the change was smaller than that type can express. "
          + "--save-dtype float32 keeps all of it.")
    }
    if let scaling = ScalingRecord.sentence(processes: environment.worldSize) { summary.notes.append(scaling) }
    Output.line(summary.text)
  }
}
