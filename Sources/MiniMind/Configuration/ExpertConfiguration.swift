import OrderedJSON

/// Mixtures of experts in place of feed-forward networks (Shazeer et al., 2017, arXiv:1701.06538): a router chooses for each
/// token a few of many small networks.
public struct ExpertConfiguration: Sendable, Equatable {
  /// Over which tokens the load-balancing loss compares experts.
  public enum BalanceScope: Sendable {
    /// Those of a layer; the losses of the layers add up. MiniMind.
    case layer
    /// Those of all layers together, as if they were one. `transformers` and TRL.
    case model
  }

  /// Experts of a layer.
  public var count: Int
  /// Experts that a token passes through.
  public var perToken: Int
  /// Width inside an expert.
  public var intermediateSize: Int
  /// Whether the weights of a token's experts are scaled to the sum 1.
  public var normalizesWeights: Bool
  /// Every so many layers there is a mixture; the others have one network.
  public var layerStep = 1
  /// Layers, from 0, that have one network whatever the step.
  public var denseLayers: [Int] = []
  /// What the load-balancing loss is multiplied by before it is added to the loss; 0 for none.
  public var balanceCoefficient: Double
  /// See `BalanceScope`.
  public var balanceScope: BalanceScope

  /// The key of `config.json` that is true where the balance is that of each layer; `transformers` keeps it and does not read it.
  static let perLayerKey = "router_aux_loss_per_layer"

  /// MiniMind-3-MoE's: one expert for each token.
  public static func miniMind(count: Int = 4, intermediateSize: Int) -> ExpertConfiguration {
    ExpertConfiguration(
      count: count, perToken: 1, intermediateSize: intermediateSize, normalizesWeights: true, balanceCoefficient: 5e-4,
      balanceScope: .layer)
  }

  /// Whether a layer, from 0, has experts: by the rule of `Qwen3MoeDecoderLayer`.
  public func areIn(layer: Int) -> Bool { (layer + 1) % layerStep == 0 && !denseLayers.contains(layer) }
}

extension ExpertConfiguration {
  /// Reads the keys of `Qwen3MoeConfig`, or of MiniMind's own class where `use_moe` is true.
  ///
  /// - Returns: nil for a model without experts
  init?(_ reader: ConfigurationReader, family: ModelConfiguration.Family, intermediateSize inner: Int) throws {
    let json = reader.json
    let isMiniMind = family == .minimind
    guard family == .qwen3Moe || isMiniMind && json["use_moe"]?.bool == true else { return nil }
    if let shared = json["n_shared_experts"]?.int, shared > 0 {
      throw reader.error(
        "\"n_shared_experts\" is \(shared): experts that all tokens share, as in earlier mixtures of MiniMind, are not "
          + "supported; MiniMind-3-MoE and Qwen3-MoE have none")
    }
    // `transformers` writes num_local_experts and reads both.
    let countKey = json["num_local_experts"] != nil ? "num_local_experts" : "num_experts"
    if !isMiniMind, json[countKey]?.int == 0 { return nil }
    let null: ConfigurationReader.Null = isMiniMind ? .isAbsent : .isRefused
    count = try reader.positive(countKey, default: isMiniMind ? 4 : 128, null: null)
    perToken = try reader.positive("num_experts_per_tok", default: isMiniMind ? 1 : 8, null: null)
    intermediateSize = try reader.positive(
      "moe_intermediate_size", default: isMiniMind ? inner : 768, null: null)
    normalizesWeights = json["norm_topk_prob"]?.bool ?? isMiniMind
    layerStep = isMiniMind ? 1 : try reader.positive("decoder_sparse_step", default: 1, null: .isRefused)
    denseLayers = isMiniMind ? [] : try reader.wholeNumbers("mlp_only_layers")
    balanceCoefficient = try reader.notNegative("router_aux_loss_coef", default: isMiniMind ? 5e-4 : 1e-3)
    balanceScope = isMiniMind || json[Self.perLayerKey]?.bool == true ? .layer : .model
    guard perToken <= count else {
      throw reader.error("num_experts_per_tok (\(perToken)) must not exceed \(countKey) (\(count))")
    }
  }

  /// The keys of `Qwen3MoeConfig` that say this.
  public var huggingFaceKeys: JSON.Object {
    var keys: JSON.Object = [
      "num_experts": .integer(count), "num_experts_per_tok": .integer(perToken),
      "moe_intermediate_size": .integer(intermediateSize), "norm_topk_prob": .bool(normalizesWeights),
      "decoder_sparse_step": .integer(layerStep), "mlp_only_layers": .array(denseLayers.map { .integer($0) }),
      "router_aux_loss_coef": .number(balanceCoefficient),
    ]
    if balanceScope == .layer { keys[Self.perLayerKey] = true }
    return keys
  }
}
