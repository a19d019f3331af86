import MiniMind
import Torch

/// The memory that a micro-batch takes beside the model until its gradients are computed, from the shapes of what the operators of
/// `CKernels` keep.
///
/// The backward pass needs most memory at its start, when it has the gradients of the head's logits or of the last whole layer
/// beside everything that the forward pass has kept.
public struct ActivationMemory: Sendable {
  /// Kept per token by all layers but the last, and by the last one for its keys and values, in bytes.
  private let kept: Int
  /// Needed per token while a whole layer's gradients are computed.
  private let layerGradients: Int
  /// Kept per token with a target: the last layer's queries and feed-forward network, the final norm, the logits.
  private let keptPerTarget: Int

  /// The memory of a model's micro-batches.
  ///
  /// - Parameter recomputing: whether layers keep their inputs alone (gradient checkpointing)
  init(_ model: CausalLM, recomputing: Bool) {
    let shape = model.configuration
    let (wide, narrow) = (DType.float32.byteCount, model.productType.byteCount)
    let sum = wide * shape.hiddenSize
    let norm = narrow * shape.hiddenSize
    let queries = narrow * shape.headCount * shape.headSize
    let keysAndValues = 2 * narrow * shape.keyValueHeadCount * shape.headSize
    // Normalized heads are kept before and after, others after the rotation alone.
    let copies = shape.hasQueryKeyNorm ? 2 : 1
    let gateAndUp = 2 * narrow * shape.intermediateSize
    // Both residual sums with their norms, queries, keys and values, attention's result, gate and up.
    var layer = 2 * (sum + norm) + copies * (queries + keysAndValues) + queries + gateAndUp
    // DoRA keeps products before their rows are multiplied too.
    if let adapter = model.adapter, adapter.configuration.usesDoRA {
      layer += narrow * adapter.layers.reduce(0) { $0 + $1.adapter.up.shape[0] } / shape.layerCount
    }
    // The gradients of gate and up, of their product, of the residual sum and of its norm.
    let gradients = gateAndUp * 3 / 2 + sum + norm
    // The logits are computed in chunks where they are not kept.
    let head = 2 * norm + sum + (recomputing ? 0 : wide * shape.vocabularySize)
    if recomputing {
      kept = shape.layerCount * (sum + norm)
      layerGradients = layer + gradients
      keptPerTarget = head
    } else {
      kept = (shape.layerCount - 1) * layer + sum + norm + copies * keysAndValues
      layerGradients = gradients
      // Of the last layer what is not kept for all tokens, and the rows of its inputs.
      keptPerTarget = norm + (copies + 1) * queries + 2 * sum + norm + gateAndUp + head
    }
  }

  /// The most bytes that a micro-batch needs at once.
  public func bytes(_ batch: MicroBatchSize) -> Int {
    batch.tokens * kept + max(batch.tokens * layerGradients, batch.targets * keptPerTarget)
  }

  /// The tokens of the largest micro-batch that fits into so many bytes, where the tokens have this share of targets.
  public func tokens(fittingIn bytes: Int, targetShare: Double) -> Int {
    let each = Double(kept) + max(Double(layerGradients), targetShare * Double(keptPerTarget))
    return max(0, Int(Double(bytes) / each))
  }
}
