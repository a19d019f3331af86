import Foundation
import Logging
import Observability
import Training

/// The trials of a sweep, trained one after the other.
struct SweepTrials {
  private let request: SweepRequest
  private let inputs: RunInputs
  private let folder: SweepFolder?
  private let logger = Logger(label: "sweep")
  /// What has ended so far.
  private(set) var ended: [SweepSetting: SweepTrial]
  /// Where the time of this start of the sweep went.
  private(set) var times = SweepTable.Times()
  private var hasTrained = false

  /// - Parameters:
  ///   - folder: nil on all ranks but the first
  ///   - ended: the trials that need not be trained again
  init(request: SweepRequest, inputs: RunInputs, folder: SweepFolder?, ended: [SweepTrial]) {
    (self.request, self.inputs, self.folder) = (request, inputs, folder)
    self.ended = Dictionary(ended.map { ($0.setting, $0) }) { $1 }
  }

  private var missing: [SweepRequest.Trial] { request.trials.filter { ended[$0.setting] == nil } }

  /// What is to be done, in words.
  var plan: Phrase {
    let (all, left) = (request.trials.count, missing.count)
    let known = left < all ? HumanText.grouped(all - left) : nil
    return Phrase(
      en: "sweep: \(HumanText.counted(all, "trial"))" + (known.map { ", \($0) of them ended already" } ?? ""),
      zh: "扫描：共 \(HumanText.grouped(all)) 次试验" + (known.map { "，其中 \($0) 次已完成" } ?? ""))
  }

  /// Trains what is missing, and the chosen one once more where its model is to be saved.
  ///
  /// - Returns: the outcome, with the times of the trainings
  /// - Throws: `Failure` of the kind `stopped` when a stop was asked for
  mutating func table(until requests: RunRequests) throws -> SweepTable {
    try trainMissing(until: requests)
    var table = SweepTable(
      trials: request.trials.compactMap { ended[$0.setting] }, standard: request.standardSetting)
    if request.savesBest, let best = table.choice.trial {
      try saveBest(best.setting, until: requests)
      table.savedBest = request.bestFolder
    }
    table.times = times
    return table
  }

  private mutating func trainMissing(until requests: RunRequests) throws {
    for trial in missing {
      let number = (request.trials.firstIndex { $0.setting == trial.setting } ?? 0) + 1
      let (count, setting) = (request.trials.count, trial.setting.phrase)
      logger.info(
        Phrase(en: "trial \(number) of \(count): \(setting.en)", zh: "第 \(number) 次试验（共 \(count) 次）：\(setting.zh)"))
      let outcome: SweepTrial
      do {
        outcome = SweepTrial(trial.setting, .measured(try measure(trial, until: requests)))
      } catch let error as TrainingError {
        guard case .notFinite = error else { throw error }
        logger.warning(Phrase(en: "the trial failed: \(error)", zh: "这次试验失败：\(error)"))
        // The state before is kept for a run that goes on; a trial does not.
        if folder != nil { try? RunFolder(trial.run.output.location, existing: .resume).removeCheckpoints() }
        outcome = SweepTrial(trial.setting, .failed(SweepTable.notFinite))
      }
      ended[trial.setting] = outcome
      try folder?.add(outcome)
    }
  }

  private mutating func saveBest(_ setting: SweepSetting, until requests: RunRequests) throws {
    let isSaved = try inputs.job.saysFirst(folder?.savedBest == setting.name)
    guard !isSaved, var run = request.trials.first(where: { $0.setting == setting })?.run else { return }
    run.output.folder = request.bestFolder
    let words = setting.phrase
    logger.info(
      Phrase(
        en: "the model of \(words.en), for \(request.bestFolder)", zh: "训练 \(words.zh) 的模型，写到 \(request.bestFolder)"))
    let (outcome, best) = try train(run, until: requests)
    guard let best else { return }
    try RunConclusion(request: run, inputs: inputs, outcome: outcome, folder: best).writeFiles()
    best.removeCheckpoints()
    try folder?.addBest(setting.name)
  }

  private mutating func measure(_ trial: SweepRequest.Trial, until requests: RunRequests) throws -> SweepTrial.Result {
    let (outcome, folder) = try train(trial.run, until: requests)
    guard let evaluation = outcome.recorder.evaluation else { throw stopped(by: requests.stop) }
    try outcome.recorder.finish(outcome.totals)
    try outcome.report?.finish()
    outcome.recorder.waitForAudience()
    folder?.removeCheckpoints()
    let (sums, accuracy) = (evaluation.metrics, RewardAccuracy(margins: evaluation.pairs.map(\.margin)))
    return SweepTrial.Result(
      pairs: accuracy.pairs, wins: accuracy.wins, ties: accuracy.ties,
      margin: (sums.chosenRewards - sums.rejectedRewards) / sums.pairs, loss: sums.loss / sums.pairs,
      steps: outcome.totals.steps,
      trainingSeconds: outcome.totals.stepSeconds,
      evaluationSeconds: outcome.recorder.evaluationSeconds)
  }

  /// A whole run from the initial weights, or from where an interrupted one stands.
  private mutating func train(_ run: TrainingRequest, until requests: RunRequests) throws -> (RunOutcome, RunFolder?) {
    var run = run
    run.output.replacesRun = true
    run.output.savesOnEachNode = false
    let folder = self.folder == nil ? nil : try RunFolder(run.output.location, existing: .resume)
    run.output.checkpoint = folder.flatMap { $0.checkpoints.isEmpty ? nil : "auto" }
    if try inputs.job.saysAny(requests.stop.requestedBy != nil) { throw stopped(by: requests.stop) }
    try inputs.resetWeights()
    let activity = folder.map { RunActivityFile(in: $0, of: inputs.job, stop: requests.stop) }
    defer { activity?.end() }
    let outcome = try RunExecution(run, inputs, in: RunPlace(folder)).train(until: requests, announces: !hasTrained)
    hasTrained = true
    times.reference += outcome.recorder.reference.seconds
    times.referenceFound += outcome.recorder.reference.found
    times.referenceComputed += outcome.recorder.reference.computed
    times.training += outcome.totals.stepSeconds
    times.evaluation += outcome.recorder.evaluationSeconds
    if outcome.totals.stoppedBy != nil {
      try outcome.recorder.finish(outcome.totals)
      try outcome.report?.finish()
      outcome.recorder.waitForAudience()
      throw stopped(by: requests.stop)
    }
    return (outcome, folder)
  }

  private func stopped(by stop: StopRequest) -> Failure {
    Failure(
      .stopped,
      "stopped by \(stop.requestedBy ?? "another rank") with \(HumanText.counted(missing.count, "trial")) of "
        + "\(request.trials.count) to go; the same command continues.")
  }
}
