import DPO
import Foundation
import Observability
import OrderedJSON
import Training

/// What goes wrong with a run's numbers: steps that are left out, drift, an end before the last step, a failure.
extension RunRecorder {
  /// All ranks have the same sums, and come to the same end.
  func endsRun(_ trainer: Trainer, after interval: IntervalReport) -> Bool {
    guard let limit = divergenceLimit, let divergence = divergence(of: interval, trainer), abs(divergence) > limit
    else {
      return false
    }
    let reason = FaultWords.diverged(by: HumanText.fixed(divergence, 1), limit: HumanText.short(limit))
    divergenceReason = reason
    if files != nil {
      logger.info(FaultWords.ends(afterStep: trainer.completedSteps, of: trainer.plan.totalSteps, reason))
    }
    return true
  }

  /// Nil where nothing is compared with a reference.
  func divergence(of interval: IntervalReport, _ trainer: Trainer) -> Double? {
    guard trainer.options.loss.needsReference, !examples.areTexts, interval.metrics.pairs > 0 else { return nil }
    return interval.metrics.divergence(beta: trainer.options.loss.beta)
  }

  /// Says, once, where the run goes wrong.
  func lookForDrift(_ trainer: Trainer, _ interval: IntervalReport) throws {
    let (sums, count, options) = (interval.metrics, interval.metrics.pairs, trainer.options)
    let run = DriftGuard.Run(
      startLoss: options.startsAtReference ? try options.loss.valueAtReference() : nil, beta: options.loss.beta,
      learningRate: trainer.schedule.peak, warmupSteps: trainer.schedule.warmupSteps,
      totalSteps: trainer.plan.totalSteps)
    let measured = DriftGuard.Interval(
      step: interval.step, steps: interval.steps, loss: sums.loss / count, chosenReward: sums.chosenRewards / count,
      rejectedReward: sums.rejectedRewards / count, chosenLogProbability: sums.chosenLogProbabilities / count,
      rejectedLogProbability: sums.rejectedLogProbabilities / count)
    for warning in drift.look(measured, of: run) {
      logger.warning(
        Phrase(en: "step \(interval.step): ", zh: "第 \(interval.step) 步：") + warning.words)
      files?.append(RunEvent(.drift, step: interval.step, warning.words.en, warning.values))
    }
  }

  /// All ranks skip alike; the first one says so.
  func tellOfSkipped(_ report: StepReport, _ trainer: Trainer) {
    guard let found = report.notFinite else {
      let scale = HumanText.short(report.lossScale ?? 1)
      return logger.warning(FaultWords.overflow(step: report.step, scale: scale))
    }
    let reason = FaultWords.notFinite(found, files: trainer.dataFiles)
    logger.warning(FaultWords.skipped(step: report.step, isJob: trainer.ranks != nil, reason))
    record(found, trainer)
  }

  private func record(_ found: NotFiniteStep, _ trainer: Trainer) {
    let files = trainer.dataFiles
    self.files?.append(
      RunEvent(
        .skippedStep, step: found.step, found.description(files: files), FaultWords.values(found, files: files)))
  }

  /// Records why the run failed, where that can still be written.
  func note(_ error: any Error, _ trainer: Trainer) {
    if case .notFinite(let step, _, _)? = error as? TrainingError { record(step, trainer) }
    let failure = Failure(error)
    files?.append(
      RunEvent(
        .failure, step: trainer.completedSteps, failure.message, ["exit_code": .integer(Int(failure.code.rawValue))]))
  }
}
