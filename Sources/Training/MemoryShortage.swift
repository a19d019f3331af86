import MiniMind
import Preferences
import Torch

/// A micro-batch that there was no memory for.
struct MemoryShortage {
  /// Its input tokens.
  let tokens: Int
  /// Its pairs.
  let pairs: Int
  /// In LibTorch's words.
  let reason: String

  init(_ batch: TreeBatch, _ error: TorchError) {
    (tokens, pairs, reason) = (batch.tokens.count, batch.pairCount, error.reason)
  }
}

extension Trainer {
  /// Behind a step that a rank had no memory for: all of them divide the same pairs into smaller micro-batches from here on,
  /// so that the step, taken anew, is the same. Called by all ranks.
  ///
  /// - Parameter own: what this process had no memory for, if it was this one
  /// - Throws: `TrainingError.outOfMemory` on all ranks where a single pair was too much for one of them.
  func shrinkMicroBatches(behind own: MemoryShortage?) throws {
    let numbers = [Double(own?.tokens ?? 0), Double(own?.pairs ?? 0)]
    let all = try ranks?.control.gather(numbers) ?? [numbers]
    let short = all.enumerated().filter { $0.element[0] > 0 }
    if let hopeless = short.first(where: { $0.element[1] < 2 }) {
      throw TrainingError.outOfMemory(
        rank: ranks == nil ? nil : hopeless.offset, tokens: Int(hopeless.element[0]),
        bytesPerToken: Arithmetic.memory(
          ofTokenIn: policy.configuration, multiplyingIn: policy.productType, recomputing: policy.recomputesLayers),
        bytesPerTokenRecomputed: Arithmetic.memory(
          ofTokenIn: policy.configuration, multiplyingIn: policy.productType, recomputing: true),
        isRecomputing: policy.recomputesLayers, reason: own?.reason)
    }
    let least = short.map { Int($0.element[0]) }.min() ?? 0
    try limitMicroBatches(toTokens: max(1, least / 2), isShortOfMemory: true)
    if device != .cpu { try CUDA.releaseCachedMemory() }
  }
}
