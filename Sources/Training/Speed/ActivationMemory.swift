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
    // The residual sums, their norms, queries, keys and values before and after rotation, attention's result.
    let common = 2 * wide * model.hiddenSize + narrow * (2 * model.hiddenSize + 2 * heads + queries)
    let layers = (0..<model.layerCount).map { common + narrow * feedForwardNumbers(ofLayer: $0) }
    let inputs = (wide + narrow) * model.hiddenSize
    let logits = wide * model.vocabularySize / 2
    return recomputing
      ? model.layerCount * inputs + (layers.max() ?? 0) + logits : layers.reduce(0, +) + logits
  }

  /// Gate and up; of a mixture of experts also the inputs, sorted by expert, and their results.
  private func feedForwardNumbers(ofLayer layer: Int) -> Int {
    let model = configuration
    let inner = 2 * model.activeIntermediateSize(ofLayer: layer)
    guard let experts = model.experts, experts.areIn(layer: layer) else { return inner }
    // Results with weights are kept twice: as the experts gave them, and in the order of the tokens.
    let results = experts.normalizesWeights && experts.perToken == 1 ? 0 : 2
    return inner + experts.perToken * model.hiddenSize * (1 + results)
  }
}
