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

  /// The type of its matrix products.
  var type: DType { queryProjection.type }

  /// - Parameter rows: the tokens whose outputs are wanted, `[n]`, `int64`; all where nil. The others give keys and
  ///   values alone.
  func callAsFunction(
    _ x: Tensor, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern, rows: Tensor?
  ) throws(TorchError) -> Tensor {
    let (query, key, value) = (
      queryProjection.weight.weight, keyProjection.weight.weight, valueProjection.weight.weight
    )
    let heads = HeadLayout(
      queries: configuration.headCount, keys: configuration.keyValueHeadCount, values: configuration.keyValueHeadCount,
      size: configuration.headSize)
    let scale = 1 / Double(heads.size).squareRoot()
    guard let rows, !pattern.needsAllQueries(on: x.device) else {
      let packed = try rotated(projections(x, weights: [query, key, value]), heads, rotary)
      let attended = try pattern.attend(layer: layer, packed: packed, queries: nil, heads: heads, scale: scale)
      return try outputProjection(rows.map { rows throws(TorchError) in try attended.indexSelect(0, rows) } ?? attended)
    }
    let asked = try rotated(
      projections(x.indexSelect(0, rows), weights: [query]),
      HeadLayout(queries: heads.queries, keys: 0, values: 0, size: heads.size), rotary.rows(rows))
    let seen = try rotated(
      projections(x, weights: [key, value]),
      HeadLayout(queries: 0, keys: heads.keys, values: heads.values, size: heads.size), rotary)
    return try outputProjection(
      pattern.attend(layer: layer, packed: seen, queries: (asked, rows), heads: heads, scale: scale))
  }

  private func rotated(
    _ packed: Tensor, _ heads: HeadLayout, _ rotary: RotaryTables
  ) throws(TorchError) -> Tensor {
    try rotatedHeads(
      packed, heads, queryNorm: queryNorm?.weight.value, keyNorm: keyNorm?.weight.value,
      epsilon: configuration.normEpsilon, cosines: rotary.cosines, sines: rotary.sines)
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
    try swiGLUProjection(
      projections(x, weights: [gateProjection.weight.weight, upProjection.weight.weight]),
      weight: downProjection.weight.weight)
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

  /// - Parameter rows: the tokens whose outputs are wanted, `[n]`, `int64`; all where nil.
  func callAsFunction(
    _ stream: ResidualStream, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern, rows: Tensor?
  ) throws(TorchError) -> (x: Tensor, delta: Tensor) {
    var (x, normed) = try inputNorm(stream.x, adding: stream.delta, type: attention.type)
    let attended = try attention(normed, layer: layer, rotary: rotary, pattern: pattern, rows: rows)
    if let rows { x = try x.indexSelect(0, rows) }
    (x, normed) = try postAttentionNorm(x, adding: attended, type: attention.type)
    return (x, try feedForward(normed))
  }
}

/// What runs through the layers: a sum whose last summand is still to be added, which the next norm does in passing.
struct ResidualStream {
  /// `[tokens, hidden]`
  var x: Tensor
  /// `[tokens, hidden]`; nil for 0
  var delta: Tensor?
}
