import Checkpoints
import Foundation
import Logging
import MiniMind
import Observability
import OrderedCollections
import OrderedJSON
import Preferences
import Tokenization
import Torch
import Training

/// `train` from its first line to its last: reads everything, trains, saves, sums up.
struct TrainingRun {
  private let command: Train
  private let logger = Logger(label: "train")

  init(_ command: Train) { self.command = command }

  func run() throws {
    // Whether the folder can be used is worth knowing first; a run in it is replaced only once this one can begin.
    let folder = try RunFolder(location, existing: existing == .overwrite ? .resume : existing)
    do {
      try run(in: folder)
    } catch {
      folder.removeIfUnused()
      throw error
    }
  }

  private func run(in folder: RunFolder) throws {
    let tokenizerFolder = try command.model.tokenizerFolder
    // Before the data: a model that cannot be read should not cost the time of tokenizing.
    let policy = try command.model.loadModel()
    let reference = try referenceModel(of: policy)
    let pairOptions = command.pairs.options(seed: command.optimization.seed)
    let started = existing == .resume ? RunEnvironment.start(of: folder) ?? Date() : Date()
    let data = try PreparedPairs(
      contentsOf: command.trainData, tokenizer: Tokenizer(folder: tokenizerFolder), folder: tokenizerFolder,
      options: pairOptions,
      cache: command.pairs.cache, now: started)
    logger.info("\(data.describe(as: "training data", path: command.trainData))")
    let held = try command.evalData.map {
      let held = try PreparedPairs(
        contentsOf: $0, tokenizer: Tokenizer(folder: tokenizerFolder), folder: tokenizerFolder, options: pairOptions,
        cache: command.pairs.cache, now: started)
      logger.info("\(held.describe(as: "evaluation data", path: $0))")
      return held
    }

    for pairs in [data, held].compactMap(\.self) { try check(pairs, against: policy.configuration) }
    let usable = try data.usable()
    var options = trainingOptions
    options.startsAtReference = command.refModel == nil
    let trainer = try Trainer(policy: policy, reference: reference, pairs: usable, options: options)

    let identity = self.identity(usable, trainer: trainer)
    let resumed = try resume(trainer, in: folder, identity: identity)
    if existing == .overwrite { _ = try RunFolder(location, existing: .overwrite) }
    let stop = StopRequest()
    let interruption = Interruption(stop)
    announce(trainer, pairs: usable.count)
    try RunConfiguration.write(command, to: folder)
    try writeAtomically(
      Data((RunEnvironment.json(worldSize: 1, started: started).serialized(.pretty) + "\n").utf8),
      to: folder.file("environment.json"))

    let recorder = try RunRecorder(
      folder: folder, resumedStep: trainer.completedSteps, evaluationPairs: held?.usable() ?? [],
      evaluationReference: ReferenceModel(reference, keepsResults: true)
    ) { trainer, interval in
      try save(trainer, interval: interval, identity: identity, tokenizer: tokenizerFolder, in: folder)
    }
    if trainer.completedSteps == 0 { try recorder.evaluate(trainer) }
    let stoppedBy = try trainer.run(resuming: resumed, until: stop, observer: recorder)
    if stoppedBy == nil { try recorder.evaluate(trainer) }
    interruption.end()

    var totals = recorder.totals
    totals.pairsRead = data.statistics.pairs
    totals.truncated = data.statistics.truncatedSides
    totals.stoppedBy = stoppedBy
    for (reason, count) in data.statistics.dropped { totals.dropped[reason.rawValue] = count }
    if let stoppedBy {
      try recorder.finish(totals)
      throw Failure(
        .stopped,
        "stopped by \(stoppedBy) behind step \(trainer.completedSteps) of \(trainer.plan.totalSteps); "
          + "continue with the same command and --resume-from-checkpoint auto.")
    }
    try ModelFiles.writeFolder(
      policy, to: folder.location, tokenizer: tokenizerFolder, dtype: command.output.saveDtype)
    try recorder.finish(totals)
    try HTMLReport([ReportRun(folder: folder.location)]).write(to: folder.file("report.html"))
    try summarize(
      totals, trainer: trainer, reference: reference, evaluationPairs: held?.statistics.usablePairs, in: folder)
  }

  // MARK: - Before the first step

  private var location: URL { URL(fileURLWithPath: command.output.outputDir, isDirectory: true) }

  private var existing: RunFolder.Existing {
    if command.output.resumeFromCheckpoint != nil { return .resume }
    return command.output.overwriteOutputDir ? .overwrite : .refuse
  }

  private var trainingOptions: TrainingOptions {
    var options = command.optimization.options()
    options.loggingSteps = command.output.loggingSteps
    options.evaluationSteps = command.output.evalSteps
    options.saveSteps = command.output.saveSteps
    return options
  }

  /// The model named, or a copy of the policy as it is now.
  private func referenceModel(of policy: CausalLM) throws -> CausalLM {
    if let path = command.refModel {
      return try CausalLM.pretrained(URL(fileURLWithPath: path), shape: command.model.shape.known)
    }
    return try policy.copy()
  }

  private func check(_ pairs: PreparedPairs, against configuration: ModelConfiguration) throws {
    if let largest = pairs.tokenized.largestID, Int(largest) >= configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(largestID: Int(largest), vocabulary: configuration.vocabularySize)
    }
    if command.pairs.maxLength > configuration.maximumPositions {
      logger.warning(
        "--max-length \(command.pairs.maxLength) exceeds the \(configuration.maximumPositions) positions the model was made for"
      )
    }
  }

  /// What must not change when a run is continued.
  private func identity(_ pairs: [TokenizedPair], trainer: Trainer) -> [String: String] {
    let options = command.optimization
    return [
      "pairs": pairs.contentHash, "seed": "\(options.seed)", "shuffle": "\(!options.noShuffle)",
      "global batch": "\(trainer.plan.globalBatchSize)", "steps": "\(trainer.plan.totalSteps)",
      "learning-rate": "\(options.learningRate)", "lr-scheduler-type": options.lrSchedulerType.rawValue,
      "warm-up steps": "\(trainer.schedule.warmupSteps)", "beta": "\(options.beta)",
      "loss-type": options.lossType.rawValue, "label-smoothing": "\(options.labelSmoothing)",
      "weight-decay": "\(options.weightDecay)", "max-grad-norm": "\(options.maxGradNorm)",
      "adam": "\(options.adamBeta1) \(options.adamBeta2) \(options.adamEpsilon)",
    ]
  }

  private func resume(
    _ trainer: Trainer, in folder: RunFolder, identity: [String: String]
  ) throws -> IntervalReport {
    guard let from = command.output.resumeFromCheckpoint else { return IntervalReport() }
    let checkpoint =
      from == "auto"
      ? try RunCheckpoint.newest(in: folder) { logger.warning("\($0)") } : URL(fileURLWithPath: from, isDirectory: true)
    let interval = try RunCheckpoint.restore(trainer, from: checkpoint, identity: identity)
    logger.info("resuming behind step \(trainer.completedSteps) from \(checkpoint.path)")
    return interval
  }

  private func announce(_ trainer: Trainer, pairs: Int) {
    let options = trainer.options
    let schedule = trainer.schedule
    logger.info(
      """
      model: \(HumanText.count(Double(trainer.policy.configuration.parameterCount))) parameters, \
      \(trainer.policy.configuration.layerCount) layers of \(trainer.policy.configuration.hiddenSize), float32 on cpu with \
      \(Runtime.threadCount) threads
      """)
    logger.info(
      """
      global batch: 1 process × \(options.perDeviceBatchSize) pairs × \(options.accumulationSteps) accumulated = \
      \(trainer.plan.globalBatchSize) pairs a step; \(trainer.plan.totalSteps) steps, \
      \(trainer.plan.stepsPerEpoch) an epoch of \(pairs) pairs
      """)
    logger.info(
      """
      learning rate: \(schedule.shape.rawValue), up to \(HumanText.short(schedule.peak)) after \
      \(schedule.warmupSteps) steps of warm-up; beta \(HumanText.short(options.loss.beta))
      """)
  }

  // MARK: - During and after

  /// A full disk must not end a run whose older checkpoint is whole.
  private func save(
    _ trainer: Trainer, interval: IntervalReport, identity: [String: String], tokenizer: URL, in folder: RunFolder
  ) throws {
    let checkpoint = folder.checkpoint(step: trainer.completedSteps)
    do {
      try RunCheckpoint.write(trainer, interval: interval, tokenizer: tokenizer, identity: identity, to: checkpoint)
      logger.info("saved \(checkpoint.path)")
      if let limit = command.output.saveTotalLimit { folder.removeOldCheckpoints(keeping: limit) }
    } catch let error as CheckpointError where error.isWriteFailure && !folder.checkpoints.isEmpty {
      logger.warning("no checkpoint at step \(trainer.completedSteps): \(error). Training goes on.")
    }
  }

  private func summarize(
    _ totals: RunTotals, trainer: Trainer, reference: CausalLM, evaluationPairs: Int?, in folder: RunFolder
  ) throws {
    var summary = RunSummary(
      totals: totals, learningRate: command.optimization.learningRate, beta: command.optimization.beta)
    summary.lossType = command.optimization.lossType.rawValue
    summary.startsAtReference = trainer.options.startsAtReference
    summary.takeSnapshots(
      from: try MetricsLog(contentsOf: folder.file("metrics.jsonl")), evaluationPairs: evaluationPairs)
    summary.outputs = [.folder(command.output.outputDir)]
    summary.files = [
      "report": folder.file("report.html").relativePath, "metrics": folder.file("metrics.jsonl").relativePath,
    ]
    if command.refModel == nil, command.output.saveDtype != .float32 {
      let (changed, lost) = try trainer.policy.changesLost(from: reference, savedAs: command.output.saveDtype)
      summary.notes.append(
        "Of \(HumanText.grouped(changed)) weights that training changed, \(HumanText.grouped(lost)) "
          + "(\(HumanText.percent(Double(lost) / Double(max(1, changed))))) are the same as before in the saved "
          + "\(command.output.saveDtype.rawValue) file: the change was smaller than that type can express. "
          + "--save-dtype float32 keeps all of it.")
    }
    Output.line(summary.text)
  }
}
