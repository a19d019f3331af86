import Foundation
import OrderedJSON

/// The shape of a decoder-only language model: what `config.json` of a Hugging Face or MiniMind folder says.
///
/// Qwen3- and Llama-shaped models are the same network here; they differ in whether queries and keys are normalised.
public struct ModelConfiguration: Sendable, Equatable {
  /// The families that `model_type` names.
  public enum Family: String, Sendable {
    /// `Qwen3ForCausalLM`, the shape of MiniMind-3.
    case qwen3
    /// `LlamaForCausalLM`, the shape of MiniMind2.
    case llama
    /// MiniMind's own classes; whether there is QK-norm only the weights tell.
    case minimind
  }

  /// The family that `model_type` names.
  public var family: Family
  /// Rows of the embedding table.
  public var vocabularySize: Int
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Width inside the feed-forward network.
  public var intermediateSize: Int
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
  /// The longest sequence the model was made for, in tokens.
  public var maximumPositions: Int
  /// Whether the output head is the embedding table.
  public var tiesEmbeddings: Bool
  /// Whether queries and keys pass an RMSNorm over each head before rotation.
  public var hasQueryKeyNorm: Bool
  /// The ids that end a turn, from `eos_token_id`.
  public var endTokenIDs: [Int]
  /// All of `config.json` as it was read, written back when the model is saved.
  public var source: JSON

  /// Parameters outside the embedding table and the head.
  public var bodyParameterCount: Int {
    let attention = hiddenSize * headSize * (2 * headCount + 2 * keyValueHeadCount)
    let norms = 2 * hiddenSize + (hasQueryKeyNorm ? 2 * headSize : 0)
    return layerCount * (attention + 3 * hiddenSize * intermediateSize + norms) + hiddenSize
  }

  /// All parameters; a tied table counts once.
  public var parameterCount: Int {
    bodyParameterCount + vocabularySize * hiddenSize * (tiesEmbeddings ? 1 : 2)
  }
}

/// Why a `config.json` cannot be used.
public struct ModelConfigurationError: Error, CustomStringConvertible {
  /// Where it was found.
  public let file: String
  /// What is wrong and what would be right.
  public let reason: String

  /// The file and the reason.
  public var description: String { "\(file): \(reason)" }
}

extension ModelConfiguration {
  /// Reads `config.json`.
  ///
  /// - Throws: `CocoaError` when the file cannot be read, `JSONError`, or `ModelConfigurationError`.
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

  /// Understands the contents of a `config.json`, in the spellings of `transformers` 4 and 5 and of MiniMind.
  ///
  /// - Parameter file: the name for error messages.
  /// - Throws: `ModelConfigurationError` for a missing or impossible value or an unsupported kind of model.
  public init(_ json: JSON, file: String = "config.json") throws {
    let reader = ConfigurationReader(json: json, file: file)
    let typeName = try reader.string("model_type")
    guard let family = Family(rawValue: typeName) else {
      throw reader.error("model_type is \"\(typeName)\"; supported are qwen3, llama and minimind")
    }
    if json["use_moe"]?.bool == true || (json["num_experts"]?.int ?? 0) > 0 && family != .minimind {
      throw reader.error("mixture-of-experts models are not supported by this version; use a dense model")
    }
    if json["attention_bias"]?.bool == true || json["mlp_bias"]?.bool == true {
      throw reader.error("layers with biases are not supported; attention_bias and mlp_bias must be false")
    }
    if json["use_sliding_window"]?.bool == true {
      throw reader.error("sliding-window attention is not supported; use_sliding_window must be false")
    }
    if let activation = json["hidden_act"]?.string, activation != "silu" {
      throw reader.error("hidden_act is \"\(activation)\"; only \"silu\" is supported")
    }

    self.family = family
    vocabularySize = try reader.positive("vocab_size", default: family == .minimind ? 6400 : nil)
    hiddenSize = try reader.positive("hidden_size", default: family == .minimind ? 768 : nil)
    layerCount = try reader.positive("num_hidden_layers", default: family == .minimind ? 8 : nil)
    headCount = try reader.positive("num_attention_heads", default: family == .minimind ? 8 : nil)
    keyValueHeadCount = try reader.positive("num_key_value_heads", default: family == .minimind ? 4 : headCount)
    // Qwen3's class in `transformers` has a head size of its own where the file gives none.
    headSize = try reader.positive("head_dim", default: family == .qwen3 ? 128 : hiddenSize / headCount)
    normEpsilon = try reader.positiveNumber("rms_norm_eps", default: 1e-6)
    maximumPositions = try reader.positive("max_position_embeddings", default: 32768)
    tiesEmbeddings = json["tie_word_embeddings"]?.bool ?? (family == .minimind)
    hasQueryKeyNorm = family != .llama
    intermediateSize = try reader.positive(
      "intermediate_size", default: family == .minimind ? Self.miniMind3IntermediateSize(hidden: hiddenSize) : nil)
    endTokenIDs = json["eos_token_id"]?.int.map { [$0] } ?? json["eos_token_id"]?.array?.compactMap(\.int) ?? []
    rope = try RotaryConfiguration(json, family: family, file: file)
    source = json

    guard headCount % keyValueHeadCount == 0 else {
      throw reader.error("num_key_value_heads (\(keyValueHeadCount)) must divide num_attention_heads (\(headCount))")
    }
    guard headSize % 2 == 0 else { throw reader.error("head_dim (\(headSize)) must be even to be rotated") }
  }

  /// MiniMind-3's feed-forward width: hidden · π, rounded up to a multiple of 64.
  public static func miniMind3IntermediateSize(hidden: Int) -> Int {
    Int((Double(hidden) * .pi / 64).rounded(.up)) * 64
  }

  /// MiniMind2's feed-forward width: ⌊hidden · 8/3⌋, rounded up to a multiple of 64.
  public static func miniMind2IntermediateSize(hidden: Int) -> Int {
    (Int(Double(hidden) * 8 / 3) + 63) / 64 * 64
  }
}

/// Reads typed values and names the file and key of the ones that do not fit.
struct ConfigurationReader {
  let json: JSON
  let file: String

  func error(_ reason: String) -> ModelConfigurationError { ModelConfigurationError(file: file, reason: reason) }

  func string(_ key: String) throws -> String {
    guard let text = json[key]?.string else { throw error("\"\(key)\" is missing; expected a string") }
    return text
  }

  func positive(_ key: String, default standard: Int? = nil) throws -> Int {
    switch json[key] {
    case nil, .null:
      guard let standard else { throw error("\"\(key)\" is missing; expected a positive whole number") }
      return standard
    case let value?:
      guard let number = value.int, number > 0, number <= 1 << 31 else {
        throw error("\"\(key)\" is \(value.serialized()); expected a positive whole number")
      }
      return number
    }
  }

  func positiveNumber(_ key: String, default standard: Double) throws -> Double {
    guard let value = json[key], value != .null else { return standard }
    guard let number = value.double, number > 0 else {
      throw error("\"\(key)\" is \(value.serialized()); expected a positive number")
    }
    return number
  }
}
