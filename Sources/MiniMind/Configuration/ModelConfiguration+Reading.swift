import Foundation
import OrderedJSON

extension ModelConfiguration {
  /// Reads `config.json`.
  ///
  /// - Throws: `CocoaError` when the file cannot be read, or `ModelConfigurationError`.
  public init(contentsOf file: URL) throws {
    let bytes = try Data(contentsOf: file)
    let json: JSON
    do {
      json = try JSON(parsing: bytes)
    } catch {
      throw ModelConfigurationError(file: file.path, reason: "is not valid JSON: \(error)")
    }
    try self.init(json, file: file.path)
  }

  /// Reads the contents of a `config.json`, in the spellings of `transformers` 4 and 5 and of MiniMind.
  ///
  /// An absent key has the default of the class in `transformers` 5.24 that `model_type` names, or of MiniMind's own class.
  ///
  /// - Parameter file: the name for error messages
  /// - Throws: `ModelConfigurationError` for an impossible value or an unsupported kind of model.
  public init(_ json: JSON, file: String = "config.json") throws {
    let reader = ConfigurationReader(json: json, file: file)
    family = try Self.supportedFamily(reader)
    let defaults = ConfigurationDefaults.of(family)
    // MiniMind's class treats null as an absent key. Those of `transformers` refuse it, with two exceptions.
    let reading: ConfigurationReader.Null = family == .minimind ? .isAbsent : .isRefused
    vocabularySize = try reader.positive("vocab_size", default: defaults.vocabularySize, null: reading)
    hiddenSize = try reader.positive("hidden_size", default: defaults.hiddenSize, null: reading)
    layerCount = try reader.positive(
      "num_hidden_layers", default: defaults.layerCount, null: reading, atMost: 4096)
    headCount = try reader.positive("num_attention_heads", default: defaults.headCount, null: reading)
    keyValueHeadCount = try reader.positive(
      "num_key_value_heads", default: defaults.keyValueHeadCount ?? headCount,
      null: family == .minimind || family == .qwen3Moe ? reading : .means(headCount))
    headSize = try reader.positive(
      "head_dim", default: defaults.headSize ?? hiddenSize / headCount, null: family == .llama ? .isAbsent : reading)
    intermediateSize = try reader.positive(
      "intermediate_size", default: defaults.intermediateSize ?? Self.miniMind3IntermediateSize(hidden: hiddenSize),
      null: reading)
    experts = try ExpertConfiguration(reader, family: family, intermediateSize: intermediateSize)
    maximumPositions = try reader.positive(
      "max_position_embeddings", default: defaults.maximumPositions, null: reading)
    normEpsilon = try reader.positiveNumber("rms_norm_eps", default: 1e-6, null: reading)
    tiesEmbeddings = json["tie_word_embeddings"]?.bool ?? defaults.tiesEmbeddings
    hasQueryKeyNorm = family != .llama && family != .qwen2
    attentionBiases = family == .qwen2 ? .onInputs : json["attention_bias"]?.bool == true ? .onAll : .none
    endTokenIDs = try reader.tokenIDs("eos_token_id", default: defaults.endTokenIDs)
    rope = try RotaryConfiguration(json, family: family, maximumPositions: maximumPositions, file: file)
    source = json

    guard headCount % keyValueHeadCount == 0 else {
      throw reader.error("num_key_value_heads (\(keyValueHeadCount)) must divide num_attention_heads (\(headCount))")
    }
    guard headSize % 2 == 0 else { throw reader.error("head_dim (\(headSize)) must be even to be rotated") }
  }

  /// The family; refuses everything that would make it a different network.
  private static func supportedFamily(_ reader: ConfigurationReader) throws -> Family {
    let json = reader.json
    let name = try reader.string("model_type")
    guard let family = Family(rawValue: name) else {
      throw reader.error("model_type is \"\(name)\"; supported are qwen3, qwen3_moe, qwen2, llama and minimind")
    }
    let hasExperts = json["use_moe"]?.bool == true || (json["num_experts"]?.int ?? 0) > 0
    if hasExperts, family != .minimind, family != .qwen3Moe {
      throw reader.error(
        "mixtures of experts are supported of the model_types qwen3_moe and minimind, not of \"\(name)\"")
    }
    if json["mlp_bias"]?.bool == true {
      throw reader.error("feed-forward networks with biases are not supported; mlp_bias must be false")
    }
    if family == .minimind, json["attention_bias"]?.bool == true {
      throw reader.error("MiniMind's models have no biases; attention_bias must be false")
    }
    if slides(json) {
      throw reader.error(
        "sliding-window attention is not supported; use_sliding_window must be false, and layer_types full_attention")
    }
    if let activation = json["hidden_act"]?.string, activation != "silu" {
      throw reader.error("hidden_act is \"\(activation)\"; only \"silu\" is supported")
    }
    return family
  }

  /// Whether some layer attends to a window alone, by the rules of `Qwen2Config` and `Qwen3Config`.
  private static func slides(_ json: JSON) -> Bool {
    if let types = json["layer_types"]?.array { return types.contains { $0.string == "sliding_attention" } }
    guard json["use_sliding_window"]?.bool == true, json["sliding_window"] != .null else { return false }
    // Of `Qwen3MoeConfig` all layers slide then.
    if json["model_type"]?.string == Family.qwen3Moe.rawValue { return true }
    return (json["max_window_layers"]?.int ?? 28) < (json["num_hidden_layers"]?.int ?? 32)
  }
}

/// The values of absent keys: the defaults of `Qwen3Config`, `Qwen3MoeConfig`, `Qwen2Config` and `LlamaConfig` in `transformers` 5.24 and of
/// MiniMind's `MiniMindConfig`. The tests compare them with what
/// Tools/reference/configurations.py reads from these classes.
private struct ConfigurationDefaults {
  var vocabularySize: Int
  var hiddenSize: Int
  /// Nil: MiniMind's formula over the hidden size.
  var intermediateSize: Int?
  var layerCount: Int
  var headCount: Int
  /// Nil: as many as query heads.
  var keyValueHeadCount: Int?
  /// Nil: the hidden size divided among the heads.
  var headSize: Int?
  var maximumPositions: Int
  var tiesEmbeddings: Bool
  var endTokenIDs: [Int]

  static func of(_ family: ModelConfiguration.Family) -> ConfigurationDefaults {
    switch family {
    case .qwen3:
      ConfigurationDefaults(
        vocabularySize: 151_936, hiddenSize: 4096, intermediateSize: 22016, layerCount: 32, headCount: 32,
        keyValueHeadCount: 32, headSize: 128, maximumPositions: 32768, tiesEmbeddings: false, endTokenIDs: [])
    case .qwen3Moe:
      ConfigurationDefaults(
        vocabularySize: 151_936, hiddenSize: 2048, intermediateSize: 6144, layerCount: 24, headCount: 32,
        keyValueHeadCount: 4, headSize: nil, maximumPositions: 32768, tiesEmbeddings: false, endTokenIDs: [])
    case .qwen2:
      ConfigurationDefaults(
        vocabularySize: 151_936, hiddenSize: 4096, intermediateSize: 22016, layerCount: 32, headCount: 32,
        keyValueHeadCount: 32, headSize: nil, maximumPositions: 32768, tiesEmbeddings: false, endTokenIDs: [])
    case .llama:
      ConfigurationDefaults(
        vocabularySize: 32000, hiddenSize: 4096, intermediateSize: 11008, layerCount: 32, headCount: 32,
        keyValueHeadCount: nil, headSize: nil, maximumPositions: 2048, tiesEmbeddings: false, endTokenIDs: [2])
    case .minimind:
      ConfigurationDefaults(
        vocabularySize: 6400, hiddenSize: 768, intermediateSize: nil, layerCount: 8, headCount: 8,
        keyValueHeadCount: 4, headSize: nil, maximumPositions: 32768, tiesEmbeddings: true, endTokenIDs: [2])
    }
  }
}
