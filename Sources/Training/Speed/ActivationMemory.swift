import MiniMind
import Torch

extension CausalLM {
  /// About the bytes that a token of a micro-batch takes until its gradients are computed, where every second token has a
  /// target.
  ///
  /// - Parameter recomputing: whether layers keep their inputs alone (gradient checkpointing)
  func activationBytesPerToken(recomputing: Bool) -> Int {
    let model = configuration
    let (wide, narrow) = (DType.float32.byteCount, productType.byteCount)
    let queries = model.headCount * model.headSize
    let heads = queries + 2 * model.keyValueHeadCount * model.headSize
    // The residual sums, their norms, queries, keys and values before and after rotation, attention's result, gate and up.
    let layer =
      2 * wide * model.hiddenSize + narrow * (2 * model.hiddenSize + 2 * heads + queries + 2 * model.intermediateSize)
    let inputs = (wide + narrow) * model.hiddenSize
    let logits = wide * model.vocabularySize / 2
    return recomputing ? model.layerCount * inputs + layer + logits : model.layerCount * layer + logits
  }
}
