import DPO
import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Torch
import Training

import struct Observability.Progress

/// Measures a model while it is trained, on what it is not trained on, records what it found, and says whether the run is to go
/// on. All ranks take part; the first writes and decides.
final class EvaluationRecorder {
  /// The files of a run.
  typealias Files = (records: RunFiles, samples: SampleFile?)

  /// What rewards are measured against; keeps its log-probabilities of the held-out pairs.
  let reference: ReferenceModel?
  /// Which step is best, and what must be remembered of earlier evaluations.
  private(set) var state: EvaluationState
  /// What all held-out pairs measured last; nil where nothing was measured, or the run was to stop meanwhile.
  private(set) var latest: Evaluation?
  /// Why the run is to end before its last step, in words.
  private(set) var endReason: Phrase?

  private let sets: [EvaluationSet]
  /// Slices of the pairs of all sets.
  private let slices: [PairSlice]
  private let watched: WatchedInputs
  private let referenceModel: CausalLM?
  private let request: TrainingRequest
  private let stop: StopRequest
  private let files: Files?
  private let progress: ProgressLine
  private let logger = Logger(label: "train")
  private var measuredStep: Int?
  /// The evaluation of a step whose checkpoint is being written.
  private var beingSaved: BestModel.Candidate?

  /// - Parameters:
  ///   - reference: keeps its log-probabilities of the held-out pairs
  ///   - stop: looked at while something is measured
  ///   - files: nil on all processes of a job but the first
  ///   - notes: of the checkpoint that the run goes on from
  init(
    _ request: TrainingRequest, _ inputs: RunInputs, reference: ReferenceModel?, stop: StopRequest, files: Files?,
    progress: ProgressLine, resuming notes: [String: Data]
  ) {
    sets = inputs.evaluationSets
    slices =
      request.pairs.examples.areTexts
      ? [] : PairSlice.slices(of: inputs.evaluationPairs, sources: inputs.evaluationSources)
    (self.request, self.reference, referenceModel, watched) = (request, reference, inputs.reference, inputs.watched)
    (self.stop, self.files, self.progress) = (stop, files, progress)
    state = EvaluationState(in: notes)
  }

  /// All held-out pairs.
  var pairs: [TokenizedPair] { sets.flatMap(\.pairs) }

  /// Measures everything, once after each step; nothing happens where there is nothing to measure, nor where the run is to
  /// stop before all is measured.
  ///
  /// - Returns: whether the run is to end here
  func evaluate(_ trainer: Trainer) throws -> Bool {
    let step = trainer.completedSteps
    guard !sets.isEmpty || !watched.texts.isEmpty || watched.prompts != nil, measuredStep != step else {
      return false
    }
    defer { progress.finish() }
    var record = MetricsRecord(step: step)
    record[MetricName.epoch] = trainer.plan.epoch(afterStep: step)
    guard try measurePairs(trainer, into: &record), try measureTexts(trainer, into: &record),
      let findings = try sampleAnswers(trainer, into: &record)
    else {
      return leftOut(step)
    }
    try files?.records.append(record)
    measuredStep = step
    return try decide(record, degeneration: findings, trainer)
  }

  private func leftOut(_ step: Int) -> Bool {
    logger.info(
      Phrase(en: "no evaluation after step \(step): the run is to stop", zh: "第 \(step) 步之后不再评估：训练将停止"))
    return false
  }

  // MARK: - Measuring

  /// All held-out pairs together, and each named set by itself.
  ///
  /// - Returns: false where the run is to stop
  private func measurePairs(_ trainer: Trainer, into record: inout MetricsRecord) throws -> Bool {
    guard !sets.isEmpty else { return true }
    latest = nil
    var all = Evaluation()
    var ofSets: [(name: String, evaluation: Evaluation)] = []
    let total = pairs.count
    for set in sets {
      let before = all.pairs.count
      let found = try Trainer.evaluate(
        trainer.policy, reference: reference, pairs: set.pairs, options: options(trainer), ranks: trainer.ranks
      ) {
        show("eval", before + $0 * trainer.worldSize, total, examples.noun)
      } stops: {
        stop.requestedBy != nil
      }
      guard found.pairs.count == set.pairs.count else { return false }
      all.metrics += found.metrics
      all.pairs += found.pairs
      if let name = set.name { ofSets.append((name, found)) }
    }
    latest = all
    let start = state.start(of: pairs, or: all.pairs, at: trainer.completedSteps)
    guard !examples.areTexts else {
      recordTexts(all, ofSets, into: &record, step: trainer.completedSteps)
      return true
    }
    // What only the first rank writes, only it computes.
    let compared = files == nil ? nil : start
    let figures = EvaluationFigures(all, slices: slices, since: compared)
    figures.add(to: &record, prefix: MetricName.evaluationPrefix)
    logger.info(TrainingWords.evaluation(afterStep: trainer.completedSteps, figures.words))
    for (name, evaluation) in ofSets {
      let indices = Set(evaluation.pairs.map(\.index))
      let figures = EvaluationFigures(
        evaluation, slices: [], since: compared?.filter { indices.contains($0.index) })
      // Named as in `transformers`: eval_NAME_loss.
      figures.add(to: &record, prefix: MetricName.evaluationPrefix + name + "_")
      logger.info(TrainingWords.ofSet(name, figures.words))
    }
    return true
  }

  private var examples: ExampleKind { request.pairs.examples }

  private func recordTexts(
    _ all: Evaluation, _ sets: [(name: String, evaluation: Evaluation)], into record: inout MetricsRecord, step: Int
  ) {
    let figures = TextFigures(all)
    figures.add(to: &record, prefix: MetricName.evaluationPrefix)
    logger.info(TrainingWords.evaluation(afterStep: step, figures.words))
    for (name, evaluation) in sets {
      let figures = TextFigures(evaluation)
      figures.add(to: &record, prefix: MetricName.evaluationPrefix + name + "_")
      logger.info(TrainingWords.ofSet(name, figures.words))
    }
  }

  /// - Returns: false where the run is to stop
  private func measureTexts(_ trainer: Trainer, into record: inout MetricsRecord) throws -> Bool {
    guard !watched.texts.isEmpty else { return true }
    let found = try Trainer.measure(
      trainer.policy, on: watched.texts, options: options(trainer), ranks: trainer.ranks,
      stops: { stop.requestedBy != nil })
    guard found.losses.count == watched.texts.count else { return false }
    if trainer.completedSteps == 0 { state.guardStart = found }
    let figures = GuardFigures(found, since: trainer.completedSteps == 0 ? nil : state.guardStart)
    figures.add(to: &record)
    let step = trainer.completedSteps
    logger.info(Phrase(en: "guard texts after step \(step): ", zh: "第 \(step) 步之后的守护文本：") + figures.words)
    return true
  }

  /// - Returns: in what way answers have broken down; nil where the run is to stop
  private func sampleAnswers(_ trainer: Trainer, into record: inout MetricsRecord) throws -> [Phrase]? {
    guard let prompts = watched.prompts else { return [] }
    func answers(of model: CausalLM) throws -> [SampledAnswer]? {
      try Trainer.answers(
        of: model, to: prompts.tokens, options: prompts.options, endTokens: prompts.endTokens, ranks: trainer.ranks,
        progress: { show("answers", $0 * trainer.worldSize, prompts.tokens.count, "prompt") },
        stops: { stop.requestedBy != nil })
    }
    let step = trainer.completedSteps
    // All ranks answer, or none; a resumed run's first rank may have the answers already.
    let known = try trainer.ranks?.control.sum([state.referenceAnswers?.count == prompts.tokens.count ? 1 : 0])[0]
    if known.map({ $0 == 0 }) ?? (state.referenceAnswers?.count != prompts.tokens.count) {
      // A run without a reference is compared with its own start, which is measured first.
      guard let found = try answers(of: referenceModel ?? trainer.policy) else { return nil }
      state.referenceAnswers = found
      files?.samples?.append(found, to: prompts, of: "reference", step: step)
    }
    // Before the first step the policy is the reference, where no other was named.
    let isReference = step == 0 && trainer.options.startsAtReference
    guard let found = try isReference ? state.referenceAnswers : answers(of: trainer.policy) else { return nil }
    files?.samples?.append(found, to: prompts, of: "policy", step: step)
    guard let reference = state.referenceAnswers, let figures = SampleFigures(found, reference: reference) else {
      return []
    }
    figures.add(to: &record)
    if step > 0 || !isReference {
      logger.info(Phrase(en: "answers after step \(step): ", zh: "第 \(step) 步之后的回答：") + figures.words)
    }
    return figures.comparison.degenerationPhrases
  }

  private func options(_ trainer: Trainer) -> TrainingOptions {
    var options = trainer.options
    options.perDeviceBatchSize = request.output.evaluationBatchSize ?? options.perDeviceBatchSize
    return options
  }

  private func show(_ task: String, _ done: Int, _ total: Int, _ unit: String) {
    if files != nil { progress.update(Progress(task: task, done: min(total, done), total: total, unit: unit)) }
  }

  // MARK: - What follows

  /// - Returns: whether the run is to end here, as the first rank decides
  private func decide(_ record: MetricsRecord, degeneration: [Phrase], _ trainer: Trainer) throws -> Bool {
    var reason: Phrase?
    if let criterion = request.evaluation.criterion {
      let value = try BestModelMetric(criterion.metric).value(in: record)
      if state.best.add(value, at: record.step, by: criterion), let best = state.best.best {
        reason = FaultWords.stalled(
          criterion.metric, evaluations: state.best.withoutImprovement, best: HumanText.short(best.value),
          atStep: best.step, now: HumanText.short(value))
      }
    }
    if !degeneration.isEmpty, record.step > 0 {
      let words = FaultWords.degenerated(degeneration)
      if files != nil {
        logger.warning(Phrase(en: "step \(record.step): ", zh: "第 \(record.step) 步：") + words)
      }
      if request.evaluation.stopsOnDegeneration { reason = words }
    }
    if let limit = request.evaluation.forgettingLimit, let change = record[MetricName.guardLossChange], change > limit {
      reason = FaultWords.forgot(HumanText.percent(change), limit: HumanText.percent(limit))
    }
    let own = reason != nil && record.step > 0
    let ends = try trainer.ranks?.control.sum([own && trainer.ranks?.rank == 0 ? 1 : 0])[0] ?? (own ? 1 : 0)
    guard ends > 0, record.step < trainer.plan.totalSteps else { return false }
    endReason = reason ?? Phrase(en: "the first rank ended it", zh: "第一个 rank 结束了它")
    if let reason { logger.info(FaultWords.ends(afterStep: record.step, of: trainer.plan.totalSteps, reason)) }
    return true
  }

  // MARK: - Checkpoints

  /// What a checkpoint of this step keeps, and the step of the checkpoint that is the best one with it.
  func notes(at step: Int) throws -> (files: [String: Data], best: Int?) {
    beingSaved = state.best.latest
    var state = state
    if let criterion = request.evaluation.criterion { state.best.keepLatest(at: step, by: criterion) }
    return ([EvaluationState.fileName: try state.data], state.best.kept?.step)
  }

  /// Notes that the model after a step is kept: its checkpoint, which may have been written while training went on.
  func didKeep(_ step: Int) {
    guard let criterion = request.evaluation.criterion else { return }
    if let beingSaved, beingSaved.step == step { state.best.keep(beingSaved, by: criterion) }
    state.best.keepLatest(at: step, by: criterion)
  }
}

extension Trainer {
  /// The number of processes.
  fileprivate var worldSize: Int { ranks?.size ?? 1 }
}
