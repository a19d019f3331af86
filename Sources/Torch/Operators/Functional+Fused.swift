import CKernels
import CTorch

// Fused operators: several operators in one pass over memory, with their own backward passes. If a weight already has a
// gradient, the backward pass adds to it in place; see Sources/CKernels/include/ckernels.h.

/// Allocates large CPU tensors from now on in a heap that keeps its pages; otherwise the system clears the pages of every
/// intermediate result again. Further calls do nothing.
public func keepTensorPages() { ckernels_keep_pages() }

extension Runtime {
  /// The number of threads that the fused operators run on, found by running one; `threadCount` if all is well.
  public static var fusedOperatorThreadCount: Int { Int(ckernels_thread_count()) }
}

/// x / √(mean x² + ε) · w over rows, `[tokens, size]`, after an addition.
///
/// - Parameters:
///   - input: `[tokens, size]`
///   - delta: added first, `[tokens, size]`
///   - weight: `[size]`
///   - type: of the norm; that of the input if nil
/// - Returns: input + delta, and that sum's norm
/// - Throws: `TorchError` when shapes do not match.
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
/// - Parameter type: of the norm; that of the input if nil
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

/// The products of `[tokens, in]` with one to three weights `[outᵢ, in]`, side by side: `[tokens, Σ outᵢ]`, in the
/// compute dtype of the weights.
///
/// - Throws: `TorchError` when shapes do not match.
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

/// (silu(gate) · up) Wᵀ: SwiGLU and the projection after it, which keeps only gate and up for the backward pass.
///
/// - Parameters:
///   - gateAndUp: both side by side, `[tokens, 2 · inner]`
///   - weight: `[out, inner]`
/// - Returns: `[tokens, out]`, in the compute dtype of the weight
/// - Throws: `TorchError` when shapes do not match.
public func swiGLUProjection(_ gateAndUp: Tensor, weight: Weight) throws(TorchError) -> Tensor {
  try withExtendedLifetime((gateAndUp, weight)) { () throws(TorchError) in
    try produce("swiGLUProjection") {
      ckernels_swiglu_project(gateAndUp.handle, weight.master.handle, weight.copy?.handle, &$0, &$1)
    }
  }
}

/// The numbers of heads side by side in the rows of a tensor: queries, then keys, then values.
public struct HeadLayout: Hashable, Sendable {
  /// Query heads.
  public var queries: Int
  /// Key heads.
  public var keys: Int
  /// Value heads.
  public var values: Int
  /// The size of one head.
  public var size: Int

  /// A layout with these numbers of heads.
  public init(queries: Int, keys: Int, values: Int, size: Int) {
    (self.queries, self.keys, self.values, self.size) = (queries, keys, values, size)
  }

  var native: ckernels_heads {
    ckernels_heads(query: Int64(queries), key: Int64(keys), value: Int64(values), size: Int64(size))
  }
}

/// Rotary embedding of queries and keys (in the rotate-half form of Llama and Qwen3), after a norm of each head if weights
/// are given. Values are unchanged.
///
/// - Parameters:
///   - packed: heads side by side, `[tokens, heads · size]`
///   - queryNorm: `[size]`
///   - keyNorm: `[size]`
///   - cosines: `[tokens, size / 2]`
///   - sines: `[tokens, size / 2]`
/// - Throws: `TorchError` when shapes do not match.
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

/// Attention over consecutive trees, each with a shared prefix and branches that do not attend to each other.
///
/// - Parameters:
///   - packed: queries, keys and values of all tokens side by side, `[tokens, heads · size]`; only keys and values
///     if `queries` is given
///   - queries: of some tokens only, `[n, query heads · size]`, and the indices of these tokens, `[n]`, `int64`
///   - trees: in the order of their tokens; together they have all tokens
///   - heads: the whole layout
/// - Returns: `[tokens or n, query heads · size]`
/// - Throws: `TorchError` when shapes do not match.
public func treeAttention(
  _ packed: Tensor, queries: (rows: Tensor, of: Tensor)? = nil,
  trees: [Tree], heads: HeadLayout, scale: Double
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((packed, queries)) { () throws(TorchError) in
    try trees.withNative { trees throws(TorchError) in
      try produce("treeAttention") {
        ckernels_tree_attention(
          packed.handle, queries?.rows.handle, queries?.of.handle, trees, heads.native, scale, &$0, &$1)
      }
    }
  }
}

/// log softmax(hidden Wᵀ)[target].
///
/// - Parameters:
///   - hidden: `[tokens, size]`
///   - weight: `[vocabulary, size]`
///   - targets: `[tokens]`, `int64`
///   - keepsLogits: whether the logits, `[tokens, vocabulary]`, are kept for the backward pass or computed again
/// - Returns: `[tokens]`, `float32` (`float64` for `float64` tensors)
/// - Throws: `TorchError` when shapes do not match or a target is outside the vocabulary.
public func logProbabilities(
  _ hidden: Tensor, weight: Weight, targets: Tensor, keepsLogits: Bool
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((hidden, weight, targets)) { () throws(TorchError) in
    try produce("logProbabilities") {
      ckernels_log_probabilities(
        hidden.handle, weight.master.handle, weight.copy?.handle, targets.handle, keepsLogits, nil, &$0, &$1)
    }
  }
}

/// log softmax(hidden Wᵀ)[target], and what the same pass over the logits tells of each distribution.
///
/// - Parameters: as of `logProbabilities(_:weight:targets:keepsLogits:)`
/// - Throws: `TorchError` when shapes do not match or a target is outside the vocabulary.
public func tokenPredictions(
  _ hidden: Tensor, weight: Weight, targets: Tensor, keepsLogits: Bool
) throws(TorchError) -> TokenPredictions {
  try withExtendedLifetime((hidden, weight, targets)) { () throws(TorchError) in
    var statistics: ctorch_tensor?
    let logProbabilities = try produce("tokenPredictions") {
      ckernels_log_probabilities(
        hidden.handle, weight.master.handle, weight.copy?.handle, targets.handle, keepsLogits, &statistics, &$0, &$1)
    }
    guard let statistics else {
      throw TorchError(kind: .failed, operatorName: "tokenPredictions", reason: "nothing was returned")
    }
    return TokenPredictions(logProbabilities: logProbabilities, statistics: Tensor(owning: statistics))
  }
}

/// What a language model's head says of the tokens that were to be predicted.
public struct TokenPredictions {
  /// log p(target), `[tokens]`
  public let logProbabilities: Tensor
  /// The rows of `Statistic`, `[4, tokens]`, without gradients
  public let statistics: Tensor

  /// A number about the distribution p over the vocabulary.
  public enum Statistic: Int, CaseIterable, Sendable {
    /// −Σ p log p, in nats
    case entropy
    /// log Σ p²
    case logSumOfSquares
    /// 1 where the target is the most probable token, else 0
    case isLikeliest
    /// The mean of the logits
    case meanLogit
  }
}

/// Rows of a table, `[tokens, size]`; the gradient of the table is added row by row.
///
/// - Parameters:
///   - index: `[tokens]`, `int64`
///   - weight: `[entries, size]`
/// - Throws: `TorchError` when an index is out of range.
public func embeddingRows(_ index: Tensor, weight: Tensor) throws(TorchError) -> Tensor {
  try withExtendedLifetime((index, weight)) { () throws(TorchError) in
    try produce("embeddingRows") { ckernels_embedding(weight.handle, index.handle, &$0, &$1) }
  }
}
