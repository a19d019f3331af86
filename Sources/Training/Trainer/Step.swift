import DPO
import Foundation
import Preferences
import Torch

/// One optimizer step of Direct Preference Optimization (Rafailov et al., 2023, arXiv:2305.18290), from its pairs to new
/// weights.
///
/// Loss and gradients are means over the pairs of the global batch, however it is divided into micro-batches and among ranks.
/// Supervised fine-tuning is the same step with another objective (`PreferenceLoss.supervised`): a text to imitate is a pair
/// without a rejected side, no reference runs, and the mean over pairs is the mean over the batch's target tokens.
/// On a GPU everything here is only queued: nothing but the first step's check waits for the device.
extension Trainer {
  /// Takes the next step.
  ///
  /// - Parameter requests: asked after the backward passes
  /// - Returns: the step, and the metrics over all ranks that are due to be reported
  /// - Throws: `TrainingError` when the loss does not start where it must, or not even one pair fits into memory; `TorchError`.
  func takeStep(_ requests: StepRequests) throws -> (QueuedStep, due: PreferenceMetrics) {
    let step = completedSteps + 1
    clock.begin(step: step)
    let (computed, agreed) = try withinMemory(requests) { try computeGradients(of: step) }

    // Before the weights change: a model that starts wrong is not to be trained, or saved.
    if step == 1, options.startsAtReference { try checkStart() }

    clock.enter(.update)
    let learningRate = schedule.rate(ofStep: step)
    try clock.onDevice { try updateWeights(learningRate: learningRate) }
    completedSteps = step
    try followPolicy(afterStep: step)
    stopAgreed = agreed.stopRequested

    let (own, outcome) = (try DeviceNumbers(sums), try DeviceNumbers(update.outcome))
    let (times, spans) = clock.end()
    let queued = QueuedStep(
      step: step, learningRate: learningRate, sums: own, outcome: outcome, gradients: computed,
      stopRequested: agreed.stopRequested, times: times, spans: spans)
    return (queued, agreed.dueMetrics)
  }

  /// The gradients of a step's mean loss, summed over its micro-batches and all ranks.
  ///
  /// Where memory runs out, this process still takes part in the exchange, and reports the shortage.
  func computeGradients(of step: Int) throws -> ComputedGradients {
    clock.enter(.data)
    let batches = batches.next(step: step, of: plan.totalSteps, packedBy: packer)
    try gradients.begin(pairs: batches.pairCount)
    try meanChosenLength.fillInPlace(Double(batches.chosenTargets) / Double(batches.pairCount))
    try sums.fillInPlace(0)

    let (known, coupled) = try knownScores(of: batches)
    let tooLarge = try countExperts(of: batches, after: coupled)
    let shortage =
      try tooLarge
      ?? forEach(batches.packed) { batch, place in
        clock.enter(.data)
        try prepareDropout(step: step, place: place)
        try passes.run(batch, knowing: known[place], isLast: place == batches.packed.count - 1) {
          [unowned self] in try learn(from: $0)
        }
      }

    clock.enter(.communication)
    try balance?.finishStep()
    let exchange = try clock.onDevice { try gradients.sumOverRanks() }
    return ComputedGradients(
      batches: batches.packed, exchange: exchange, shortage: shortage, shrunkTo: shrunkTo,
      replayed: passes.takeReplayed())
  }

  /// Forward and backward pass over one micro-batch.
  func learn(from inputs: PassInputs) throws(TorchError) {
    try withDropout { () throws(TorchError) in try passForwardAndBackward(inputs) }
  }

  private func passForwardAndBackward(_ inputs: PassInputs) throws(TorchError) {
    let batch = inputs.batch
    clock.enter(.reference)
    let reference = if let known = inputs.reference { known } else { try reference?.compute(batch) }

    clock.enter(.forward)
    let experts = try balance.map { _ throws(TorchError) in try batch.expertUse() }
    let scores = PairScores(
      policy: try policy.sideScores(batch, excessTokenWeight: options.loss.excessTokenWeight, counting: experts),
      reference: reference, lengths: batch.targetCounts, meanChosenLength: meanChosenLength,
      weights: batch.pairWeights)
    let result = try options.loss(scores, couplings: inputs.couplings)
    let (losses, auxiliary) = try balanced(result.losses.sum(), by: experts)

    clock.enter(.backward)
    try (losses * gradients.lossFactor).backward()

    try withoutGrad { () throws(TorchError) in
      try sums.addInPlace(
        PreferenceMetrics.sums(result, of: scores, counts: batch.counts, auxiliary: auxiliary))
    }
  }

  /// Clips the gradients and lets AdamW update the weights; an update whose gradients are not finite is left out.
  private func updateWeights(learningRate: Double) throws {
    try update.prepare(learningRate: learningRate)
    try passes.runUpdate { [update, options] in try update.apply(maximumNorm: options.maxGradientNorm) }
  }

  /// While policy and reference are the same model, most losses have a known value whatever the data: log 2 for DPO.
  /// Anything else is a defect.
  private func checkStart() throws {
    guard let expected = try options.loss.valueAtReference() else { return }
    let metrics = PreferenceMetrics(sums: try ranks.sum(sums.array(Double.self)))
    let loss = metrics.loss / metrics.pairs
    guard abs(loss - expected) < 1e-3 * max(1, abs(expected)) else {
      throw TrainingError.wrongStart(loss: loss, expected: expected)
    }
  }
}
