import CTorch

// Operators of neural networks as functions, for the layers of models.

/// x Wᵀ (+ b): `[…, in] → […, out]` for a weight `[out, in]`.
///
/// - Throws: `TorchError` when the last length of the input is not the weight's, or the types differ.
public func linear(_ input: Tensor, weight: Tensor, bias: Tensor? = nil) throws(TorchError) -> Tensor {
  try withExtendedLifetime((input, weight, bias)) { () throws(TorchError) in
    try produce("linear") { ctorch_linear(input.handle, weight.handle, bias?.handle, &$0, &$1) }
  }
}

/// Rows of a table `[entries, size]`, selected by an index tensor of any shape.
///
/// - Throws: `TorchError` when the index is not `int64` or `int32`, or is out of range.
public func embedding(_ index: Tensor, weight: Tensor) throws(TorchError) -> Tensor {
  try withExtendedLifetime((index, weight)) { () throws(TorchError) in
    try produce("embedding") { ctorch_embedding(weight.handle, index.handle, &$0, &$1) }
  }
}

/// x / √(mean x² + ε) · w over the last dimension (Zhang & Sennrich, 2019, "Root Mean Square Layer Normalization").
///
/// - Throws: `TorchError` when the weight's length is not that of the last dimension.
public func rmsNorm(_ input: Tensor, weight: Tensor, epsilon: Double) throws(TorchError) -> Tensor {
  try withExtendedLifetime((input, weight)) { () throws(TorchError) in
    try produce("rmsNorm") { ctorch_rms_norm(input.handle, weight.handle, epsilon, &$0, &$1) }
  }
}

/// softmax(q kᵀ · scale + mask) v.
///
/// - Parameters:
///   - query: `[batch, heads, queries, size]`
///   - key: `[batch, key heads, keys, size]`; query heads share key heads where these are fewer.
///   - value: `[batch, key heads, keys, size]`
///   - mask: `[queries, keys]` or broadcastable: boolean (true: attend) or added to the scores.
///   - causal: query i attends to keys 0 … i; not together with a mask.
/// - Returns: `[batch, heads, queries, size]`
/// - Throws: `TorchError` when shapes or types do not match, or both a mask and `causal` are given.
public func scaledDotProductAttention(
  query: Tensor, key: Tensor, value: Tensor, mask: Tensor? = nil, causal: Bool = false, scale: Double
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((query, key, value, mask)) { () throws(TorchError) in
    try produce("scaledDotProductAttention") {
      ctorch_attention(query.handle, key.handle, value.handle, mask?.handle, causal, scale, &$0, &$1)
    }
  }
}
