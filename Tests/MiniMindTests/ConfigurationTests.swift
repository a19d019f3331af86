import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Configurations")
struct ConfigurationTests {
  /// A change to a good configuration, and what the refusal says of it.
  static let refusals: [(key: String, value: JSON, words: String)] = [
    ("model_type", "gpt2", "model_type is \"gpt2\"; supported are qwen3, qwen3_moe, qwen2, llama and minimind"),
    ("model_type", "mistral", "model_type is \"mistral\"; supported are qwen3, qwen3_moe, qwen2, llama and minimind"),
    ("model_type", .null, "\"model_type\" is missing; expected a string"),
    ("use_moe", true, "mixtures of experts are supported of the model_types qwen3_moe and minimind"),
    ("num_experts", 4, "mixtures of experts are supported of the model_types qwen3_moe and minimind"),
    ("mlp_bias", true, "mlp_bias must be false"),
    ("layer_types", ["full_attention", "sliding_attention"], "sliding-window attention is not supported"),
    ("hidden_act", "gelu", "hidden_act is \"gelu\"; only \"silu\" is supported"),
    ("num_key_value_heads", 3, "num_key_value_heads (3) must divide num_attention_heads (4)"),
    ("head_dim", 7, "head_dim (7) must be even"),
    ("vocab_size", .null, "\"vocab_size\" is null; expected a positive whole number"),
    ("rms_norm_eps", .null, "\"rms_norm_eps\" is null; expected a positive number"),
    ("eos_token_id", "</s>", "\"eos_token_id\" is \"</s>\"; expected a token id or a list of token ids"),
    ("eos_token_id", [2, -1], "expected a token id or a list of token ids"),
    ("partial_rotary_factor", 0.5, "\"partial_rotary_factor\" is 0.5"),
    ("hidden_size", 0, "\"hidden_size\" is 0; expected a positive whole number"),
    ("hidden_size", -4, "\"hidden_size\" is -4; expected a positive whole number"),
    ("intermediate_size", 1.5, "\"intermediate_size\" is 1.5; expected a positive whole number"),
    ("num_hidden_layers", "2", "\"num_hidden_layers\" is \"2\"; expected a positive whole number"),
    ("num_hidden_layers", 1_000_000_000_000, "\"num_hidden_layers\" is 1000000000000; expected"),
    ("rope_theta", 0, "\"rope_theta\" is 0.0; expected a number above 1"),
    ("rms_norm_eps", -1, "\"rms_norm_eps\" is -1; expected a positive number"),
    (
      "rope_scaling", ["type": "dynamic", "factor": 2],
      "rope scaling \"dynamic\" is not supported; supported are default, linear, yarn and llama3"
    ),
    ("rope_parameters", ["rope_type": "longrope", "rope_theta": 1e4], "rope scaling \"longrope\" is not supported"),
    ("rope_scaling", ["type": "yarn"], "rope scaling \"yarn\" needs a positive \"factor\""),
    ("rope_scaling", ["type": "yarn", "factor": 2, "mscale": 1], "\"mscale\""),
    (
      "rope_scaling", ["rope_type": "llama3", "factor": 8, "low_freq_factor": 1],
      "rope scaling \"llama3\" needs a positive \"high_freq_factor\""
    ),
  ]

  @Test("What is not supported or impossible is refused, naming file, key and value", arguments: refusals)
  func refusal(key: String, value: JSON, words: String) throws {
    let error = try #require(
      throws: ModelConfigurationError.self,
      performing: { try ModelConfiguration(smallJSON([key: value]), file: "m/config.json") })
    #expect(error.description.hasPrefix("m/config.json: "))
    #expect(error.description.contains(words), "\(error)")
  }

  @Test("A window is refused where it is over some layer, by the rules of `Qwen2Config`")
  func slidingWindow() throws {
    func model(_ type: String, _ keys: JSON.Object) throws -> ModelConfiguration {
      let window: JSON.Object = ["model_type": .string(type), "use_sliding_window": true, "num_hidden_layers": 4]
      return try smallConfiguration(window.merging(keys))
    }
    for type in ["qwen2", "qwen3"] {
      let error = try #require(throws: ModelConfigurationError.self) { try model(type, ["max_window_layers": 3]) }
      #expect(error.reason.contains("use_sliding_window must be false"))
      #expect(try model(type, ["max_window_layers": 4]).layerCount == 4)
      #expect(try model(type, [:]).layerCount == 4)
      #expect(try model(type, ["max_window_layers": 2, "sliding_window": .null]).layerCount == 4)
    }
  }

  @Test("Biases: always on the inputs of Qwen2's attention, where attention_bias says so on all four of others")
  func biases() throws {
    #expect(try smallConfiguration(["model_type": "qwen2"]).attentionBiases == .onInputs)
    #expect(try smallConfiguration(["model_type": "llama"]).attentionBiases == .none)
    for type in ["llama", "qwen3"] {
      let model = try smallModel(["model_type": .string(type), "attention_bias": true])
      #expect(model.configuration.attentionBiases == .onAll)
      #expect(model.namedParameters.contains { $0.name == "model.layers.1.self_attn.o_proj.bias" })
      #expect(model.configuration.parameterCount == model.namedParameters.reduce(0) { $0 + $1.parameter.count })
    }
    let error = try #require(throws: ModelConfigurationError.self) {
      try smallConfiguration(["model_type": "minimind", "attention_bias": true])
    }
    #expect(error.reason.contains("attention_bias must be false"))
  }

  @Test("A file that is not JSON is refused with its path, line and column")
  func noJSON() throws {
    let scratch = try Scratch()
    let file = scratch.file("config.json")
    try Data("{\"model_type\": \"qwen3\",\n oops}".utf8).write(to: file)
    let error = try #require(throws: ModelConfigurationError.self) { try ModelConfiguration(contentsOf: file) }
    #expect(error.description.hasPrefix("\(file.path): is not valid JSON"))
    #expect(error.description.contains("2"))
  }

  @Test("The ids that end a turn are read from a number or a list")
  func endTokens() throws {
    #expect(try smallConfiguration(["eos_token_id": 2]).endTokenIDs == [2])
    #expect(try smallConfiguration(["eos_token_id": [2, 5]]).endTokenIDs == [2, 5])
    #expect(try smallConfiguration(["eos_token_id": .null]).endTokenIDs == [])
  }

  @Test("MiniMind's switch for long contexts means its numbers, with or without rope_scaling")
  func miniMindScaling() throws {
    let yarn = RotaryConfiguration.Scaling.yarn(
      factor: 16, originalPositions: 2048, betaFast: 32, betaSlow: 1, attentionFactor: 1)
    let bare: JSON = ["type": "yarn", "factor": 16, "original_max_position_embeddings": 2048]
    for (scaling, on, expected) in [
      (JSON.null, true, yarn), (bare, true, yarn), (bare, false, .none), (.null, false, .none),
    ] {
      let configuration = try smallConfiguration([
        "model_type": "minimind", "inference_rope_scaling": .bool(on), "rope_scaling": scaling,
      ])
      #expect(configuration.rope.scaling == expected)
    }
  }

  @Test("Linear scaling divides positions")
  func linear() throws {
    let rope = try smallConfiguration(["rope_scaling": ["type": "linear", "factor": 4]]).rope
    let plain = try smallConfiguration().rope
    #expect(rope.frequencies(headSize: 8) == plain.frequencies(headSize: 8).map { $0 / 4 })
    #expect(rope.amplitude == 1)
  }

  @Test("Feed-forward widths are those of both generations of MiniMind")
  func feedForward() {
    #expect(ModelConfiguration.miniMind3IntermediateSize(hidden: 768) == 2432)
    #expect(ModelConfiguration.miniMind2IntermediateSize(hidden: 512) == 1408)
    #expect(ModelConfiguration.miniMind2IntermediateSize(hidden: 768) == 2048)
  }
}
