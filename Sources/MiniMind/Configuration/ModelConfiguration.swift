import Foundation
import OrderedJSON

/// The shape of a decoder-only language model: what `config.json` of a Hugging Face or MiniMind folder says.
///
/// Qwen3, Qwen2 and Llama are the same network here; they differ in whether queries and keys are normalized, in biases, and in
/// whether layers have experts.
public struct ModelConfiguration: Sendable, Equatable {
  /// The families that `model_type` names.
  public enum Family: String, Sendable {
    /// `Qwen3ForCausalLM`, the shape of MiniMind-3.
    case qwen3
    /// `Qwen3MoeForCausalLM`: Qwen3 with mixtures of experts, the shape of MiniMind-3-MoE.
    case qwen3Moe = "qwen3_moe"
    /// `Qwen2ForCausalLM`: Llama with biases on queries, keys and values.
    case qwen2
    /// `LlamaForCausalLM`, the shape of MiniMind2.
    case llama
    /// MiniMind's own classes; only the weights show whether there is QK-norm.
    case minimind
  }

  /// The projections of attention that have biases.
  public enum AttentionBiases: Sendable {
    /// None.
    case none
    /// Those to queries, keys and values: Qwen2.
    case onInputs
    /// All four: Llama and Qwen3 with `attention_bias`.
    case onAll
  }

  /// The family that `model_type` names.
  public var family: Family
  /// Rows of the embedding table.
  public var vocabularySize: Int
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Width inside the feed-forward network of layers without experts.
  public var intermediateSize: Int
  /// The experts of layers that have some; nil where none has.
  public var experts: ExpertConfiguration?
  /// Number of decoder layers.
  public var layerCount: Int
  /// Number of query heads.
  public var headCount: Int
  /// Number of key and value heads; divides `headCount`.
  public var keyValueHeadCount: Int
  /// Width of a head, even.
  public var headSize: Int
  /// ε of every RMSNorm.
  public var normEpsilon: Double
  /// Rotary position embedding: base and scaling.
  public var rope: RotaryConfiguration
  /// The longest sequence that the model was made for, in tokens.
  public var maximumPositions: Int
  /// Whether the output head is the embedding table.
  public var tiesEmbeddings: Bool
  /// Whether queries and keys pass an RMSNorm over each head before rotation.
  public var hasQueryKeyNorm: Bool
  /// Which projections of attention have biases.
  public var attentionBiases: AttentionBiases
  /// The ids that end a turn, from `eos_token_id`.
  public var endTokenIDs: [Int]
  /// The whole `config.json` as it was read; it is written back when the model is saved.
  public var source: JSON

  /// Parameters outside the embedding table and the head.
  public var bodyParameterCount: Int {
    let attention = hiddenSize * headSize * (2 * headCount + 2 * keyValueHeadCount)
    let norms = 2 * hiddenSize + (hasQueryKeyNorm ? 2 * headSize : 0)
    let feedForward = (0..<layerCount).reduce(0) { $0 + feedForwardParameters(ofLayer: $1, active: false) }
    return layerCount * (attention + biasCount + norms) + feedForward + hiddenSize
  }

  /// Parameters in the feed-forward network of a layer, from 0; of a mixture of experts with its router.
  ///
  /// - Parameter active: whether only those of a mixture count that a token passes through
  public func feedForwardParameters(ofLayer layer: Int, active: Bool) -> Int {
    guard let experts, experts.areIn(layer: layer) else { return 3 * hiddenSize * intermediateSize }
    let count = active ? experts.perToken : experts.count
    return hiddenSize * (experts.count + 3 * count * experts.intermediateSize)
  }

  /// The width inside the feed-forward network of a layer, from 0, of a token: of all the experts that it passes through.
  public func activeIntermediateSize(ofLayer layer: Int) -> Int {
    guard let experts, experts.areIn(layer: layer) else { return intermediateSize }
    return experts.perToken * experts.intermediateSize
  }

  /// Layers with experts.
  public var expertLayerCount: Int {
    experts.map { experts in (0..<layerCount).count { experts.areIn(layer: $0) } } ?? 0
  }

  /// The parameters that a token passes through; `parameterCount` where there are no experts.
  public var activeParameterCount: Int {
    (0..<layerCount).reduce(parameterCount) {
      $0 - feedForwardParameters(ofLayer: $1, active: false) + feedForwardParameters(ofLayer: $1, active: true)
    }
  }

  /// The numbers in the biases of one layer.
  private var biasCount: Int {
    switch attentionBiases {
    case .none: 0
    case .onInputs: headSize * (headCount + 2 * keyValueHeadCount)
    case .onAll: headSize * (headCount + 2 * keyValueHeadCount) + hiddenSize
    }
  }

  /// All parameters; a tied table counts once.
  public var parameterCount: Int {
    bodyParameterCount + vocabularySize * hiddenSize * (tiesEmbeddings ? 1 : 2)
  }
}

/// Why a `config.json` cannot be used.
public struct ModelConfigurationError: Error, CustomStringConvertible {
  /// The file or folder.
  public let file: String
  /// What is wrong and what was expected.
  public let reason: String

  /// The file and the reason.
  public var description: String { "\(file): \(reason)" }
}

extension ModelConfiguration {
  /// MiniMind-3's feed-forward width: hidden · π, rounded up to a multiple of 64.
  public static func miniMind3IntermediateSize(hidden: Int) -> Int {
    Int((Double(hidden) * .pi / 64).rounded(.up)) * 64
  }

  /// MiniMind2's feed-forward width: ⌊hidden · 8/3⌋, rounded up to a multiple of 64.
  public static func miniMind2IntermediateSize(hidden: Int) -> Int {
    (Int(Double(hidden) * 8 / 3) + 63) / 64 * 64
  }
}
