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
  public private(set) var shapes: [TreeShape]
  /// The trees as sequences: what attention runs by on a CUDA device, and elsewhere where it was given.
  private var plan: TreePlan?

  /// Trees of these shapes.
  ///
  /// - Parameter plan: one for these trees; on a CUDA device one is made where none is given
  public init(_ shapes: [TreeShape], plan: TreePlan? = nil) {
    (self.shapes, self.plan) = (shapes, plan)
  }

  /// Other trees, in the plan's memory where there is one.
  ///
  /// - Throws: `TorchError` when the plan has no room for them.
  public func update(_ shapes: [TreeShape]) throws(TorchError) {
    try plan?.update(Self.lengths(shapes))
    self.shapes = shapes
  }

  /// See `AttentionPattern`: the kernels of CUDA devices take each sequence's last queries only, not some of them.
  public func needsAllQueries(on device: Device) -> Bool { plan != nil || device != .cpu }

  /// See `AttentionPattern`.
  public func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor {
    if plan == nil, packed.device != .cpu { plan = try TreePlan(Self.lengths(shapes), device: packed.device) }
    guard let plan else {
      return try treeAttention(packed, queries: queries, trees: Self.lengths(shapes), heads: heads, scale: scale)
    }
    guard queries == nil else {
      throw TorchError(kind: .failed, operatorName: "PackedTrees.attend", reason: "with a plan all tokens must ask")
    }
    return try treeAttention(packed, plan: plan, heads: heads, scale: scale)
  }

  private static func lengths(_ shapes: [TreeShape]) -> [TreePlan.Tree] {
    shapes.map { ($0.prefix, $0.chosen, $0.rejected) }
  }
}
