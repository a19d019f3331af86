import Torch

/// One layer: attention and feed-forward network, each applied after a norm and added to the residual stream.
public final class DecoderLayer: Module {
  private let inputNorm: RMSNorm
  private let attention: Attention
  private let postAttentionNorm: RMSNorm
  private let feedForward: any FeedForwardNetwork

  /// - Parameter number: of the layer, from 0
  init(_ configuration: ModelConfiguration, number: Int) throws(TorchError) {
    attention = try Attention(configuration)
    let hidden = configuration.hiddenSize
    if let experts = configuration.experts, experts.areIn(layer: number) {
      feedForward = try MixtureOfExperts(experts, hidden: hidden)
    } else {
      feedForward = try FeedForward(hidden: hidden, inner: configuration.intermediateSize)
    }
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

  /// Whether the layer has experts.
  var hasExperts: Bool { feedForward is MixtureOfExperts }

  /// - Parameters:
  ///   - rows: the tokens whose outputs to return, `[n]`, `int64`; all if nil.
  ///   - use: counts how experts are used; nil where nobody asks
  func callAsFunction(
    _ stream: ResidualStream, layer: Int, rotary: RotaryTables, pattern: any AttentionPattern, rows: Tensor?,
    counting use: ExpertUse?
  ) throws(TorchError) -> (x: Tensor, delta: Tensor, use: Tensor?) {
    // A router that is counted sees all tokens, also those whose outputs are not needed.
    let isCounted = use != nil && hasExperts
    let (early, late) = isCounted ? (nil, rows) : (rows, nil)
    var (x, normed) = try inputNorm(stream.x, adding: stream.delta, type: attention.type)
    let attended = try attention(normed, layer: layer, rotary: rotary, pattern: pattern, rows: early)
    if let early { x = try x.indexSelect(0, early) }
    (x, normed) = try postAttentionNorm(x, adding: attended, type: attention.type)
    let (delta, used) = try feedForward(normed, rows: late, counting: use)
    if let late { x = try x.indexSelect(0, late) }
    return (x, delta, used)
  }
}

/// What flows through the layers: a sum whose last term is still to be added; the next norm adds it in the same pass.
struct ResidualStream {
  /// `[tokens, hidden]`
  var x: Tensor
  /// `[tokens, hidden]`; nil for 0
  var delta: Tensor?
}
