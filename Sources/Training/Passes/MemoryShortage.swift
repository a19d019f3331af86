import MiniMind
import Preferences
import Torch

/// A micro-batch that there was no memory for.
struct MemoryShortage {
  /// Its input tokens.
  let tokens: Int
  /// Those of them that are predicted.
  let targets: Int
  /// Its pairs.
  let pairs: Int
  /// In LibTorch's words.
  let reason: String

  init(_ batch: TreeBatch, _ error: TorchError) {
    (tokens, targets, pairs) = (batch.tokens.count, batch.targets.count, batch.pairCount)
    reason = error.reason
  }
}

extension Trainer {
  /// Computes the gradients of a step and lets all ranks agree on it. Where memory runs out on a rank, all of them divide the
  /// same pairs into smaller micro-batches, from this step on, and compute it again: the result is the same.
  ///
  /// - Throws: `TrainingError.outOfMemory` on all ranks where a single pair was too much for one of them; `TorchError`.
  func withinMemory(
    _ requests: StepRequests, _ compute: () throws -> ComputedGradients
  ) throws -> (ComputedGradients, StepAgreement) {
    while true {
      let computed = try compute()
      clock.enter(.backward)
      let own = StepAgreement(
        dueMetrics: try reports.dueSums(current: sums), stopRequested: requests.stop(), saveRequested: requests.save(),
        isShortOfMemory: computed.shortage != nil)
      clock.enter(.communication)
      let agreed = try ranks.agree(own)
      // What one pass over the pairs agreed on holds where another has to follow.
      saveAgreed = saveAgreed || agreed.saveRequested
      guard agreed.isShortOfMemory else { return (computed, agreed) }
      try shrinkMicroBatches(after: computed.shortage)
    }
  }

  /// Runs a body for each micro-batch, in order.
  ///
  /// - Parameter body: gets the micro-batch, and whether it is the last one
  /// - Returns: the micro-batch that there was no memory for, and after which no other ran; nil where all of them ran
  func forEach(
    _ batches: [TreeBatch], _ body: (_ batch: TreeBatch, _ place: Int) throws -> Void
  ) throws -> MemoryShortage? {
    for (place, batch) in batches.enumerated() {
      do {
        try body(batch, place)
      } catch let error as TorchError where error.kind == .outOfMemory {
        return MemoryShortage(batch, error)
      }
    }
    return nil
  }

  /// What a pair needs that there is no memory for.
  private func memoryShortage(for pair: MicroBatchSize) -> TrainingError.MemoryNeed {
    TrainingError.MemoryNeed(
      tokens: pair.tokens, estimate: memoryEstimate(for: pair),
      recomputed: policy.recomputesLayers ? nil : recomputedActivationMemory.bytes(pair))
  }

  /// - Parameter own: what this process had no memory for, if it was this one
  private func shrinkMicroBatches(after own: MemoryShortage?) throws {
    let numbers = [own?.tokens ?? 0, own?.pairs ?? 0, own?.targets ?? 0].map(Double.init)
    let all = try ranks?.control.gather(numbers) ?? [numbers]
    let short = all.enumerated().filter { $0.element[0] > 0 }
    if let hopeless = short.first(where: { $0.element[1] < 2 }) {
      throw TrainingError.outOfMemory(
        rank: ranks == nil ? nil : hopeless.offset,
        memoryShortage(for: MicroBatchSize(tokens: Int(hopeless.element[0]), targets: Int(hopeless.element[2]))),
        reason: own?.reason)
    }
    let least = short.map { Int($0.element[0]) }.min() ?? 0
    try limitMicroBatches(toTokens: max(1, least / 2), isShortOfMemory: true)
    if device != .cpu { try CUDA.releaseCachedMemory() }
  }

  /// Limits the tokens of a micro-batch from the next one on.
  ///
  /// - Parameter isShortOfMemory: whether that is because memory ran out with more
  func limitMicroBatches(toTokens tokens: Int, isShortOfMemory: Bool = false) throws(TorchError) {
    options.microBatchTokens = tokens
    if isShortOfMemory {
      shrunkTo = tokens
      try passes.releaseMemory()
    }
    batches.restart()
  }
}
