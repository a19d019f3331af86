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
    let reason =
      "the policy has moved \(HumanText.fixed(divergence, 1)) nats an answer from the reference, more than "
      + "\(HumanText.short(limit)) (--stop-on-kl)"
    divergenceReason = reason
    if files != nil {
      logger.info("the run ends after step \(trainer.completedSteps) of \(trainer.plan.totalSteps): \(reason)")
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
    for (kind, words) in drift.look(measured, of: run) {
      logger.warning("step \(interval.step): \(words)")
      files?.append(RunEvent(.drift, step: interval.step, words, ["kind": .string(kind.rawValue)]))
    }
  }

  /// All ranks skip alike; the first one says so.
  func tellOfSkipped(_ report: StepReport, _ trainer: Trainer) {
    guard let found = report.notFinite else {
      let scale = HumanText.short(report.lossScale ?? 1)
      return logger.warning(
        "step \(report.step): gradients left float16's range; this update was left out; the loss scale is now \(scale)")
    }
    let ranks = trainer.ranks == nil ? "" : " on all ranks"
    logger.warning(
      "step \(report.step): the gradient is not a finite number; this update was left out\(ranks): \(found.description(files: trainer.dataFiles))"
    )
    record(found, trainer)
  }

  private func record(_ found: NotFiniteStep, _ trainer: Trainer) {
    let places = found.pairs.prefix(64).map { JSON.string($0.place(in: trainer.dataFiles)) }
    files?.append(
      RunEvent(.skippedStep, step: found.step, found.description(files: trainer.dataFiles), ["pairs": .array(places)]))
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
