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
    let networks = (0..<shape.layerCount).map { FeedForwardMemory(shape, layer: $0, narrow: narrow) }
    // Both residual sums with their norms, queries, keys and values, attention's result.
    var common = 2 * (sum + norm) + copies * (queries + keysAndValues) + queries
    // DoRA keeps products before their rows are multiplied too.
    if let adapter = model.adapter, adapter.configuration.usesDoRA {
      common += narrow * adapter.layers.reduce(0) { $0 + $1.adapter.up.shape[0] } / shape.layerCount
    }
    // The gradients of the feed-forward network, of the residual sum and of its norm.
    let gradients = (networks.map(\.gradients).max() ?? 0) + sum + norm
    // The logits are computed in chunks where they are not kept.
    let head = 2 * norm + sum + (recomputing ? 0 : wide * shape.vocabularySize)
    if recomputing {
      kept = shape.layerCount * (sum + norm)
      layerGradients = common + (networks.map(\.kept).max() ?? 0) + gradients
      keptPerTarget = head
    } else {
      let before = networks.dropLast().reduce(0) { $0 + common + $1.kept }
      let last = networks.last?.kept ?? 0
      layerGradients = gradients
      if shape.experts.map({ $0.balanceCoefficient > 0 && $0.areIn(layer: shape.layerCount - 1) }) ?? false {
        // The router of the last layer sees all tokens, its experts those with a target.
        kept = before + common
        keptPerTarget = sum + last + head
      } else {
        kept = before + sum + norm + copies * keysAndValues
        // Of the last layer what is not kept for all tokens, and the rows of its inputs.
        keptPerTarget = norm + (copies + 1) * queries + 2 * sum + norm + last + head
      }
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

/// What a layer's feed-forward network takes per token, in bytes.
private struct FeedForwardMemory {
  /// Kept for the backward pass: gate and up; of a mixture of experts also the tokens in the order of their experts, and what
  /// its router needs.
  let kept: Int
  /// The gradients of gate and up, and of their product: of a mixture those of one expert at a time.
  let gradients: Int

  init(_ shape: ModelConfiguration, layer: Int, narrow: Int) {
    let gateAndUp = 2 * narrow * shape.activeIntermediateSize(ofLayer: layer)
    guard let experts = shape.experts, experts.areIn(layer: layer) else {
      (kept, gradients) = (gateAndUp, gateAndUp * 3 / 2)
      return
    }
    let rows = narrow * experts.perToken * shape.hiddenSize
    // Results that are weighted are kept in the order of the tokens.
    let weighted = experts.normalizesWeights && experts.perToken == 1 ? 0 : rows
    let wide = DType.float32.byteCount
    let router = (narrow < wide ? wide * shape.hiddenSize : 0) + experts.count * (wide + DType.float64.byteCount)
    kept = gateAndUp + rows + weighted + router
    // Tokens are seldom spread evenly: an expert may have twice its share.
    gradients = gateAndUp * 3 / 2 * min(2, experts.count) / experts.count + 2 * rows
  }
}
