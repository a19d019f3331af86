import Torch

/// The keys and values of a conversation so far, so that each further token runs alone.
public final class KeyValueCache: AttentionPattern {
  /// The number of tokens that have been run.
  public private(set) var count = 0
  /// How many tokens there is room for.
  public let capacity: Int

  private var keys: [Tensor]
  private var values: [Tensor]

  /// - Parameter capacity: the longest the conversation may become, in tokens
  /// - Throws: `TorchError` when memory runs out.
  public init(for configuration: ModelConfiguration, capacity: Int, device: Device = .cpu) throws(TorchError) {
    self.capacity = capacity
    keys = []
    values = []
    for _ in 0..<configuration.layerCount {
      let shape = [capacity, configuration.keyValueHeadCount, configuration.headSize]
      keys.append(try .empty(shape, device: device))
      values.append(try .empty(shape, device: device))
    }
  }

  /// See `AttentionPattern`; the tokens are those behind the ones already run. Without gradients.
  public func attend(
    layer: Int, query: Tensor, key: Tensor, value: Tensor, scale: Double
  ) throws(TorchError) -> Tensor {
    let new = try query.size(0)
    guard count + new <= capacity else {
      throw TorchError(
        kind: .failed, operatorName: "KeyValueCache.attend",
        reason: "\(count + new) tokens exceed the capacity of \(capacity)")
    }
    try keys[layer].narrow(0, count, new).copyInPlace(key)
    try values[layer].narrow(0, count, new).copyInPlace(value)
    let mask =
      count > 0 && new > 1
      ? try bottomRightCausalMask(queries: new, keys: count + new, device: query.device) : nil
    return try scaledDotProductAttention(
      query: query.asHeads,
      key: keys[layer].narrow(0, 0, count + new).asHeads,
      value: values[layer].narrow(0, 0, count + new).asHeads,
      mask: mask, causal: count == 0, scale: scale
    ).asTokens.reshape([new, -1])
  }

  /// Counts tokens whose keys and values every layer has stored.
  func advance(_ tokens: Int) { count += tokens }
}
