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

  /// Trees of these shapes.
  public init(_ shapes: [TreeShape]) {
    self.shapes = shapes
  }

  /// See `AttentionPattern`.
  public func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor {
    try treeAttention(
      packed, queries: queries, trees: shapes.map { ($0.prefix, $0.chosen, $0.rejected) }, heads: heads, scale: scale)
  }
}
