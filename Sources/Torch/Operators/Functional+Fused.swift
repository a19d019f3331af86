import CKernels
import CTorch

// Several operators in one pass each, with gradients of their own. Where the gradient of a weight has memory already,
// the backward pass adds to it there; see Sources/CKernels/include/ckernels.h.

/// Takes the memory of large CPU tensors, from now on, out of one heap that keeps its pages: without it the system
/// clears every page of every intermediate result anew. Further calls do nothing.
public func keepTensorPages() { ckernels_keep_pages() }

extension Runtime {
  /// Threads that the fused operators of this module run on, found by running on them; `threadCount` where all is well.
  public static var fusedOperatorThreadCount: Int { Int(ckernels_thread_count()) }
}

/// x / √(mean x² + ε) · w over rows, `[tokens, size]`, behind an addition.
///
/// - Parameters:
///   - input: `[tokens, size]`
///   - delta: what is added first, `[tokens, size]`
///   - weight: `[size]`
///   - type: of the norm; the input's where nil
/// - Returns: input + delta, and that sum's norm
/// - Throws: `TorchError` when shapes do not fit each other.
public func addThenRMSNorm(
  _ input: Tensor, _ delta: Tensor, weight: Tensor, epsilon: Double, type: DType? = nil
) throws(TorchError) -> (sum: Tensor, normed: Tensor) {
  let type = type ?? input.dtype
  return try withExtendedLifetime((input, delta, weight)) { () throws(TorchError) in
    var normed: ctorch_tensor?
    let sum = try produce("addThenRMSNorm") {
      ckernels_rms_norm(input.handle, delta.handle, weight.handle, epsilon, type.code, &$0, &normed, &$1)
    }
    guard let normed else {
      throw TorchError(kind: .failed, operatorName: "addThenRMSNorm", reason: "nothing was returned")
    }
    return (sum, Tensor(owning: normed))
  }
}

/// x / √(mean x² + ε) · w over rows, `[tokens, size]`.
///
/// - Parameter type: of the norm; the input's where nil
/// - Throws: `TorchError` when the weight's length is not that of the rows.
public func rowRMSNorm(
  _ input: Tensor, weight: Tensor, epsilon: Double, type: DType? = nil
) throws(TorchError) -> Tensor {
  let type = type ?? input.dtype
  return try withExtendedLifetime((input, weight)) { () throws(TorchError) in
    var sum: ctorch_tensor?
    return try produce("rowRMSNorm") {
      ckernels_rms_norm(input.handle, nil, weight.handle, epsilon, type.code, &sum, &$0, &$1)
    }
  }
}

/// The products of `[tokens, in]` with one to three weights `[outᵢ, in]`, side by side: `[tokens, Σ outᵢ]`, in the weights'
/// type of products.
///
/// - Throws: `TorchError` when shapes do not fit each other.
public func projections(_ input: Tensor, weights: [Weight]) throws(TorchError) -> Tensor {
  let copies = weights.compactMap(\.copy)
  return try withExtendedLifetime(input) { () throws(TorchError) in
    try withHandles(weights.map(\.master)) { masters, count throws(TorchError) in
      try withHandles(copies) { copies, copyCount throws(TorchError) in
        try produce("projections") {
          ckernels_project(input.handle, masters, copyCount == count ? copies : nil, count, &$0, &$1)
        }
      }
    }
  }
}

/// (silu(gate) · up) Wᵀ: SwiGLU with the projection behind it, which keeps gate and up alone for the backward pass.
///
/// - Parameters:
///   - gateAndUp: both side by side, `[tokens, 2 · inner]`
///   - weight: `[out, inner]`
/// - Returns: `[tokens, out]`, in the weight's type of products
/// - Throws: `TorchError` when shapes do not fit each other.
public func swiGLUProjection(_ gateAndUp: Tensor, weight: Weight) throws(TorchError) -> Tensor {
  try withExtendedLifetime((gateAndUp, weight)) { () throws(TorchError) in
    try produce("swiGLUProjection") {
      ckernels_swiglu_project(gateAndUp.handle, weight.master.handle, weight.copy?.handle, &$0, &$1)
    }
  }
}

/// How many heads lie side by side in the rows of a tensor: queries, then keys, then values.
public struct HeadLayout: Hashable, Sendable {
  /// Query heads.
  public var queries: Int
  /// Key heads.
  public var keys: Int
  /// Value heads.
  public var values: Int
  /// The size of one head.
  public var size: Int

  /// A layout of so many heads.
  public init(queries: Int, keys: Int, values: Int, size: Int) {
    (self.queries, self.keys, self.values, self.size) = (queries, keys, values, size)
  }

  var native: ckernels_heads {
    ckernels_heads(query: Int64(queries), key: Int64(keys), value: Int64(values), size: Int64(size))
  }
}

/// Rotary positions of queries and keys (in the rotate-half form of Llama and Qwen3), behind a norm of each head where
/// weights are given. Values stay as they are.
///
/// - Parameters:
///   - packed: heads side by side, `[tokens, heads · size]`
///   - queryNorm: `[size]`
///   - keyNorm: `[size]`
///   - cosines: `[tokens, size / 2]`
///   - sines: `[tokens, size / 2]`
/// - Throws: `TorchError` when shapes do not fit each other.
public func rotatedHeads(
  _ packed: Tensor, _ heads: HeadLayout, queryNorm: Tensor?, keyNorm: Tensor?, epsilon: Double, cosines: Tensor,
  sines: Tensor
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((packed, queryNorm, keyNorm, cosines, sines)) { () throws(TorchError) in
    try produce("rotatedHeads") {
      ckernels_rotate(
        packed.handle, queryNorm?.handle, keyNorm?.handle, cosines.handle, sines.handle, heads.native, epsilon, &$0,
        &$1)
    }
  }
}

/// Attention over trees that lie side by side, each as a prefix and two tails that do not see each other.
///
/// - Parameters:
///   - packed: queries, keys and values of all tokens side by side, `[tokens, heads · size]`; keys and values alone
///     where queries are given
///   - queries: those of some tokens only, and which: `[n, query heads · size]` and `[n]`, `int64`
///   - trees: in the order of their tokens, which they cover
///   - heads: the whole layout
/// - Returns: `[tokens or n, query heads · size]`
/// - Throws: `TorchError` when shapes do not fit each other.
public func treeAttention(
  _ packed: Tensor, queries: (rows: Tensor, of: Tensor)? = nil,
  trees: [Tree], heads: HeadLayout, scale: Double
) throws(TorchError) -> Tensor {
  let lengths = trees.map(\.native)
  return try withExtendedLifetime((packed, queries)) { () throws(TorchError) in
    try produce("treeAttention") {
      ckernels_tree_attention(
        packed.handle, queries?.rows.handle, queries?.of.handle, lengths, lengths.count, heads.native, scale, &$0, &$1)
    }
  }
}

/// log softmax(hidden Wᵀ)[target].
///
/// - Parameters:
///   - hidden: `[tokens, size]`
///   - weight: `[vocabulary, size]`
///   - targets: `[tokens]`, `int64`
///   - keepsLogits: whether the backward pass finds the logits, `[tokens, vocabulary]`, in memory or computes them again
/// - Returns: `[tokens]`, `float32` (`float64` of such tensors)
/// - Throws: `TorchError` when shapes do not fit each other or a target is outside the vocabulary.
public func logProbabilities(
  _ hidden: Tensor, weight: Weight, targets: Tensor, keepsLogits: Bool
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((hidden, weight, targets)) { () throws(TorchError) in
    try produce("logProbabilities") {
      ckernels_log_probabilities(
        hidden.handle, weight.master.handle, weight.copy?.handle, targets.handle, keepsLogits, &$0, &$1)
    }
  }
}

/// Rows of a table, `[tokens, size]`, whose gradient is added row by row.
///
/// - Parameters:
///   - index: `[tokens]`, `int64`
///   - weight: `[entries, size]`
/// - Throws: `TorchError` when the index names a row that does not exist.
public func embeddingRows(_ index: Tensor, weight: Tensor) throws(TorchError) -> Tensor {
  try withExtendedLifetime((index, weight)) { () throws(TorchError) in
    try produce("embeddingRows") { ckernels_embedding(weight.handle, index.handle, &$0, &$1) }
  }
}
