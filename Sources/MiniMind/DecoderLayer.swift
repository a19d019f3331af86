import Torch

/// Grouped-query attention with rotary positions and, in Qwen3's shape, normalised queries and keys.
public final class Attention: Module {
  private let configuration: ModelConfiguration
  private let queryProjection: Linear
  private let keyProjection: Linear
  private let valueProjection: Linear
  private let outputProjection: Linear
  private let queryNorm: RMSNorm?
  private let keyNorm: RMSNorm?

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    let (hidden, size) = (configuration.hiddenSize, configuration.headSize)
    self.configuration = configuration
    queryProjection = try Linear(input: hidden, output: configuration.headCount * size)
    keyProjection = try Linear(input: hidden, output: configuration.keyValueHeadCount * size)
    valueProjection = try Linear(input: hidden, output: configuration.keyValueHeadCount * size)
    outputProjection = try Linear(input: configuration.headCount * size, output: hidden)
    let hasNorm = configuration.hasQueryKeyNorm
    queryNorm = hasNorm ? try RMSNorm(size: size, epsilon: configuration.normEpsilon) : nil
    keyNorm = hasNorm ? try RMSNorm(size: size, epsilon: configuration.normEpsilon) : nil
  }

  /// Projections, then norms, in the order of `transformers`.
  public var members: [Member] {
    var members: [Member] = [
      .module("q_proj", queryProjection), .module("k_proj", keyProjection), .module("v_proj", valueProjection),
      .module("o_proj", outputProjection),
    ]
    if let queryNorm, let keyNorm { members += [.module("q_norm", queryNorm), .module("k_norm", keyNorm)] }
    return members
  }

  func callAsFunction(
    _ x: Tensor, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern
  ) throws(TorchError) -> Tensor {
    let size = configuration.headSize
    var query = try queryProjection(x).view([-1, configuration.headCount, size])
    var key = try keyProjection(x).view([-1, configuration.keyValueHeadCount, size])
    let value = try valueProjection(x).view([-1, configuration.keyValueHeadCount, size])
    if let queryNorm, let keyNorm {
      query = try queryNorm(query)
      key = try keyNorm(key)
    }
    let mixed = try pattern.attend(
      layer: layer, query: rotary.rotate(query), key: rotary.rotate(key), value: value,
      scale: 1 / Double(size).squareRoot())
    return try outputProjection(mixed)
  }
}

/// SwiGLU (Shazeer, 2020, "GLU Variants Improve Transformer"): down(silu(gate x) · up x).
public final class FeedForward: Module {
  private let gateProjection: Linear
  private let upProjection: Linear
  private let downProjection: Linear

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    gateProjection = try Linear(input: hidden, output: inner)
    upProjection = try Linear(input: hidden, output: inner)
    downProjection = try Linear(input: inner, output: hidden)
  }

  /// Gate, up, down.
  public var members: [Member] {
    [.module("gate_proj", gateProjection), .module("up_proj", upProjection), .module("down_proj", downProjection)]
  }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try downProjection(gateProjection(x).silu().multiply(upProjection(x)))
  }
}

/// One layer: attention and feed-forward, each behind a norm and added to the residual stream.
public final class DecoderLayer: Module {
  private let inputNorm: RMSNorm
  private let attention: Attention
  private let postAttentionNorm: RMSNorm
  private let feedForward: FeedForward

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    attention = try Attention(configuration)
    feedForward = try FeedForward(configuration)
    inputNorm = try RMSNorm(size: configuration.hiddenSize, epsilon: configuration.normEpsilon)
    postAttentionNorm = try RMSNorm(size: configuration.hiddenSize, epsilon: configuration.normEpsilon)
  }

  /// In the order of `transformers`.
  public var members: [Member] {
    [
      .module("self_attn", attention), .module("mlp", feedForward), .module("input_layernorm", inputNorm),
      .module("post_attention_layernorm", postAttentionNorm),
    ]
  }

  func callAsFunction(
    _ x: Tensor, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern
  ) throws(TorchError) -> Tensor {
    let attended = try x.add(attention(inputNorm(x), layer: layer, rotary: rotary, pattern: pattern))
    return try attended.add(feedForward(postAttentionNorm(attended)))
  }
}
