import Torch

/// The lengths, in tokens, of the parts of one tree: what two sequences share, and how each goes on.
public struct TreeShape: Hashable, Sendable {
  /// Tokens that both continuations follow.
  public var prefix: Int
  /// Tokens of the first continuation.
  public var chosen: Int
  /// Tokens of the second continuation.
  public var rejected: Int

  /// A tree of these lengths.
  public init(prefix: Int, chosen: Int = 0, rejected: Int = 0) {
    self.prefix = prefix
    self.chosen = chosen
    self.rejected = rejected
  }

  /// All tokens of the tree.
  public var count: Int { prefix + chosen + rejected }
}

/// Trees laid one behind the other without padding, each as prefix, chosen tail, rejected tail.
///
/// The chosen tail attends to the prefix and itself, the rejected tail to the prefix and itself: the prefix runs once
/// ("prefix sharing", Wang & Hegde, 2024, arXiv:2410.20305). A plain sequence is a tree of a prefix alone.
public final class PackedTrees: AttentionPattern {
  /// The trees in order.
  public let shapes: [TreeShape]
  private let segmentLengths: [Int]
  private let tailMasks: [Tensor?]

  /// - Throws: `TorchError` when there is no memory for the masks of the rejected tails.
  public init(_ shapes: [TreeShape], device: Device = .cpu) throws(TorchError) {
    self.shapes = shapes
    segmentLengths = shapes.flatMap { [$0.prefix + $0.chosen, $0.rejected] }
    var masks: [Tensor?] = []
    for shape in shapes {
      masks.append(
        shape.rejected > 0 && shape.prefix > 0
          ? try bottomRightCausalMask(queries: shape.rejected, keys: shape.prefix + shape.rejected, device: device)
          : nil)
    }
    tailMasks = masks
  }

  /// See `AttentionPattern`.
  public func attend(
    layer: Int, query: Tensor, key: Tensor, value: Tensor, scale: Double
  ) throws(TorchError) -> Tensor {
    let queries = try query.split(segmentLengths)
    let keys = try key.split(segmentLengths)
    let values = try value.split(segmentLengths)
    var outputs: [Tensor] = []
    for (index, shape) in shapes.enumerated() {
      let trunk = 2 * index
      let tail = trunk + 1
      if shape.prefix + shape.chosen > 0 {
        outputs.append(
          try scaledDotProductAttention(
            query: queries[trunk].asHeads, key: keys[trunk].asHeads, value: values[trunk].asHeads, causal: true,
            scale: scale
          ).asTokens)
      }
      if shape.rejected > 0 {
        outputs.append(
          try scaledDotProductAttention(
            query: queries[tail].asHeads,
            key: behindPrefix(shape, of: keys[trunk], keys[tail]).asHeads,
            value: behindPrefix(shape, of: values[trunk], values[tail]).asHeads,
            mask: tailMasks[index], causal: tailMasks[index] == nil, scale: scale
          ).asTokens)
      }
    }
    let joined = try outputs.count == 1 ? outputs[0] : Tensor.concatenate(outputs)
    return try joined.reshape([query.size(0), -1])
  }

  private func behindPrefix(_ shape: TreeShape, of trunk: Tensor, _ tail: Tensor) throws(TorchError) -> Tensor {
    shape.prefix == 0 ? tail : try Tensor.concatenate([trunk.narrow(0, 0, shape.prefix), tail])
  }
}

/// What is added to the scores `[queries, keys]` where the queries are the last of the keys: 0 where a query sees a key,
/// −∞ where it does not.
func bottomRightCausalMask(queries: Int, keys: Int, device: Device) throws(TorchError) -> Tensor {
  let seen = try Tensor.ones([queries, keys], dtype: .bool, device: device).lowerTriangle(diagonal: keys - queries)
  return try Tensor.zeros([queries, keys], device: device).maskedFill(seen.logicalNot(), -.infinity)
}
