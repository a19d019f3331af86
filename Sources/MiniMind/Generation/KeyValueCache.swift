import Torch

/// The keys and values of a conversation so far, so that each new token runs alone.
public final class KeyValueCache: AttentionPattern {
  /// The number of tokens that have been run.
  public private(set) var count = 0
  /// The most tokens that it can hold.
  public let capacity: Int

  /// Of each layer, `[capacity, heads, size]`.
  private(set) var keys: [Tensor]
  /// Of each layer, `[capacity, heads, size]`.
  private(set) var values: [Tensor]

  /// - Parameters:
  ///   - capacity: the longest conversation, in tokens
  ///   - dtype: the model's compute dtype
  /// - Throws: `TorchError` when memory runs out.
  public init(
    for configuration: ModelConfiguration, capacity: Int, dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) {
    self.capacity = capacity
    keys = []
    values = []
    for _ in 0..<configuration.layerCount {
      let shape = [capacity, configuration.keyValueHeadCount, configuration.headSize]
      keys.append(try .empty(shape, dtype: dtype, device: device))
      values.append(try .empty(shape, dtype: dtype, device: device))
    }
  }

  /// See `AttentionPattern`. The tokens follow those already run, and all of them attend. Without gradients.
  public func attend(
    layer: Int, packed: Tensor, queries: (rows: Tensor, of: Tensor)?, heads: HeadLayout, scale: Double
  ) throws(TorchError) -> Tensor {
    let new = try packed.size(0)
    guard count + new <= capacity else { throw refusal("\(count + new) tokens exceed the capacity of \(capacity)") }
    guard queries == nil else { throw refusal("all new tokens must attend") }
    func part(_ first: Int, _ count: Int) throws(TorchError) -> Tensor {
      try packed.narrow(1, first * heads.size, count * heads.size).view([new, count, heads.size])
    }
    try keys[layer].narrow(0, count, new).copyInPlace(part(heads.queries, heads.keys))
    try values[layer].narrow(0, count, new).copyInPlace(part(heads.queries + heads.keys, heads.values))
    let mask =
      count > 0 && new > 1
      ? try Self.mask(queries: new, keys: count + new, dtype: packed.dtype, device: packed.device) : nil
    return try scaledDotProductAttention(
      query: Self.asHeads(part(0, heads.queries)),
      key: Self.asHeads(keys[layer].narrow(0, 0, count + new)),
      value: Self.asHeads(values[layer].narrow(0, 0, count + new)),
      mask: mask, causal: count == 0, scale: scale
    ).squeeze(0).transpose(0, 1).reshape([new, -1])
  }

  /// `[tokens, heads, size]` as `[1, heads, tokens, size]`, the layout of LibTorch's attention.
  private static func asHeads(_ x: Tensor) throws(TorchError) -> Tensor { try x.transpose(0, 1).unsqueeze(0) }

  /// The mask added to the scores, `[queries, keys]`, where the queries are the last of the keys: 0 where a query sees a key,
  /// −∞ where it does not.
  private static func mask(queries: Int, keys: Int, dtype: DType, device: Device) throws(TorchError) -> Tensor {
    let seen = try Tensor.ones([queries, keys], dtype: .bool, device: device).lowerTriangle(diagonal: keys - queries)
    return try Tensor.zeros([queries, keys], dtype: dtype, device: device).maskedFill(seen.logicalNot(), -.infinity)
  }

  private func refusal(_ reason: String) -> TorchError {
    TorchError(kind: .failed, operatorName: "KeyValueCache.attend", reason: reason)
  }

  /// Counts tokens whose keys and values every layer has stored.
  func advance(_ tokens: Int) { count += tokens }
}
