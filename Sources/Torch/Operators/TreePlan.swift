import CKernels
import CTorch

/// The trees of a packed batch as sequences for a variable-length attention kernel, on a device.
///
/// Prefix and first branch of a tree are one sequence; each further branch is another one, whose queries also attend to the
/// prefix's keys ("prefix sharing", Wang & Hegde, 2024, arXiv:2410.20305). A plan serves all layers and passes of a
/// batch. It can be refilled for another batch in the same memory, for the replay of a captured graph.
public final class TreePlan {
  /// The capacity of a plan, or the capacity that trees need.
  public struct Capacity: Hashable, Sendable {
    /// Tokens of all trees together, the same for all batches of a plan.
    public var tokens: Int
    /// Keys of all sequences together; never more than twice the tokens where trees have two branches.
    public var keyRows: Int
    /// Sequences, at most one for each branch, or for each tree without branches.
    public var sequences: Int
    /// The largest number of queries of a sequence.
    public var longestQueries: Int
    /// The largest number of keys of a sequence.
    public var longestKeys: Int
    /// How many times the keys of a prefix occur besides once: for each branch after the first.
    public var copies: Int

    /// A capacity from its parts.
    public init(
      tokens: Int, keyRows: Int, sequences: Int, longestQueries: Int, longestKeys: Int, copies: Int = 1
    ) {
      (self.tokens, self.keyRows, self.sequences) = (tokens, keyRows, sequences)
      (self.longestQueries, self.longestKeys, self.copies) = (longestQueries, longestKeys, copies)
    }

    /// The capacity that trees need.
    ///
    /// - Throws: `TorchError` for negative lengths.
    public init(for trees: [Tree]) throws(TorchError) {
      var size = ckernels_plan_size()
      try trees.withNative { trees throws(TorchError) in
        try checked("TreePlan") { ckernels_tree_plan_size(trees, &size, &$0) }
      }
      self.init(
        tokens: Int(size.tokens), keyRows: Int(size.key_rows), sequences: Int(size.sequences),
        longestQueries: Int(size.longest_queries), longestKeys: Int(size.longest_keys), copies: Int(size.copies))
    }

    fileprivate var native: ckernels_plan_size {
      ckernels_plan_size(
        tokens: Int64(tokens), key_rows: Int64(keyRows), sequences: Int64(sequences),
        longest_queries: Int64(longestQueries), longest_keys: Int64(longestKeys), copies: Int64(copies))
    }
  }

  /// The capacity of the plan.
  public let capacity: Capacity
  /// The device of the plan.
  public let device: Device

  fileprivate let handle: OpaquePointer

  /// A plan for these trees and, if a capacity is given, for later ones within it.
  ///
  /// - Throws: `TorchError` when the trees exceed the capacity or have fewer tokens, or memory runs out.
  public init(_ trees: [Tree], capacity: Capacity? = nil, device: Device = .cpu) throws(TorchError) {
    let size = if let capacity { capacity } else { try Capacity(for: trees) }
    (self.capacity, self.device) = (size, device)
    handle = try trees.withNative { trees throws(TorchError) in
      try newHandle("TreePlan") { ckernels_tree_plan(trees, size.native, device.code, &$0, &$1) }
    }
  }

  deinit { ckernels_tree_plan_free(handle) }

  /// Refills the plan for other trees, in the order of the device's current stream. The host does not wait.
  ///
  /// - Throws: `TorchError` when the trees exceed the capacity or have fewer tokens.
  public func update(_ trees: [Tree]) throws(TorchError) {
    try trees.withNative { trees throws(TorchError) in
      try checked("TreePlan.update") { ckernels_tree_plan_update(handle, trees, &$0) }
    }
    withExtendedLifetime(self) {}
  }
}

/// Attention over the trees of a plan, with queries of all tokens.
///
/// On a CUDA device `float16` and `bfloat16` run through LibTorch's flash attention, which sums the gradient of queries
/// in an unspecified order; `float32` runs through its memory-efficient attention. On the CPU it consists of plain operators,
/// for comparison: there the other `treeAttention` is the fast one.
///
/// - Parameters:
///   - packed: queries, keys and values of all tokens side by side, `[tokens, heads · size]`
///   - plan: on the same device
/// - Returns: `[tokens, query heads · size]`
/// - Throws: `TorchError` when shapes do not match.
public func treeAttention(
  _ packed: Tensor, plan: TreePlan, heads: HeadLayout, scale: Double
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((packed, plan)) { () throws(TorchError) in
    try produce("treeAttention") {
      ckernels_tree_attention_planned(packed.handle, plan.handle, heads.native, scale, &$0, &$1)
    }
  }
}
