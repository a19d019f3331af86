import Torch

/// Trees side by side in a batch, without padding: the prefix of each runs once.
public final class PackedTrees: AttentionPattern {
  /// The trees in order.
  public private(set) var trees: [Tree]
  /// The trees as sequences: what attention runs by on a CUDA device, and elsewhere where it was given.
  private var plan: TreePlan?

  /// - Parameter plan: one for these trees; on a CUDA device one is made where none is given
  public init(_ trees: [Tree], plan: TreePlan? = nil) {
    (self.trees, self.plan) = (trees, plan)
  }

  /// Takes other trees, in the plan's memory where there is one.
  ///
  /// - Throws: `TorchError` when the plan has no room for them.
  public func update(_ trees: [Tree]) throws(TorchError) {
    try plan?.update(trees)
    self.trees = trees
  }

  /// See `AttentionPattern`: the kernels of CUDA devices take the last queries of each sequence only, not any of them.
  public func needsAllQueries(on device: Device) -> Bool { plan != nil || device != .cpu }

  /// See `AttentionPattern`.
  public func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor {
    if plan == nil, packed.device != .cpu { plan = try TreePlan(trees, device: packed.device) }
    guard let plan else { return try treeAttention(packed, queries: queries, trees: trees, heads: heads, scale: scale) }
    guard queries == nil else {
      throw TorchError(kind: .failed, operatorName: "PackedTrees.attend", reason: "with a plan all tokens must ask")
    }
    return try treeAttention(packed, plan: plan, heads: heads, scale: scale)
  }
}
