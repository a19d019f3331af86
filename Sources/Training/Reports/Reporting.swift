import DPO
import Torch

extension Trainer {
  /// Reads what the device did in a step.
  ///
  /// - Parameter metrics: the sums over the pairs of all ranks
  /// - Throws: `TrainingError.notFinite` when gradients have not been finite for several steps; `TorchError`.
  func report(_ done: QueuedStep, _ metrics: PreferenceMetrics) throws -> StepReport {
    let outcome = UpdateOutcome(try done.outcome.array())
    let notFinite = try count(outcome, ofStep: done.step)
    let onDevice = try done.spans.times(since: lastEnd)
    lastEnd = done.spans.end
    return StepReport(
      step: done.step, epoch: plan.epoch(afterStep: done.step), metrics: metrics, own: try work(of: done),
      gradientNorm: outcome.norm, learningRate: done.learningRate, isSkipped: outcome.isSkipped,
      notFinite: notFinite, lossScale: gradients.lossScale == nil ? nil : outcome.lossScale,
      stopRequested: done.stopRequested,
      shrunkTo: done.gradients.shrunkTo, replayed: done.gradients.replayed, onDevice: onDevice)
  }

  /// Counts steps that were left out. All ranks have summed the same gradients, so all leave out the same steps.
  ///
  /// - Returns: what was to blame; nil for a step that was taken, or that only looked for the loss scale
  private func count(_ outcome: UpdateOutcome, ofStep step: Int) throws -> NotFiniteStep? {
    skippedInARow = outcome.isSkipped ? skippedInARow + 1 : 0
    guard outcome.isSkipped else { return nil }
    skippedSteps += 1
    // Gradients in float16 overflow until the loss scale has found its size, and now and then later on: no fault.
    let isSearching = gradients.lossScale != nil && outcome.lossScale >= 1
    if isSearching { return nil }
    let found = try examine(step: step)
    guard skippedInARow < options.maximumSkippedSteps else {
      throw TrainingError.notFinite(found, inARow: skippedInARow, files: dataFiles)
    }
    return found
  }

  /// What this process did in a step.
  private func work(of done: QueuedStep) throws(TorchError) -> RankWork {
    let metrics = try done.ownMetrics()
    let exchange = try done.gradients.exchange?.times()
    var work = RankWork()
    (work.pairs, work.tokens, work.times) = (metrics.pairs, metrics.tokens, done.times)
    work.exchange = exchange?.total ?? 0
    work.operations = done.gradients.batches.reduce(0) {
      $0
        + FLOPs.training(
          $1, of: policy.configuration, onlineReference: reference != nil && !options.cachesReference,
          areWeightsFrozen: policy.adapter != nil)
    }
    if device != .cpu, let exchange {
      // The host could not see it: it waited for the whole step at once.
      work.times.backward = max(0, work.times.backward - exchange.exposed)
      work.times.communication += exchange.exposed
    }
    return work
  }
}
