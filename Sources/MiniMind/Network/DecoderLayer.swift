import Torch

/// One layer: attention and feed-forward network, each applied after a norm and added to the residual stream.
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

  /// - Parameter rows: the tokens whose outputs to return, `[n]`, `int64`; all if nil.
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

/// What flows through the layers: a sum whose last term is still to be added; the next norm adds it in the same pass.
struct ResidualStream {
  /// `[tokens, hidden]`
  var x: Tensor
  /// `[tokens, hidden]`; nil for 0
  var delta: Tensor?
}
