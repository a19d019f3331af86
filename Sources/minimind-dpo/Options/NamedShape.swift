import ArgumentParser
import MiniMind
import OrderedJSON

/// The shapes of MiniMind's releases, and a tiny one.
enum NamedShape: String, ExpressibleByArgument, CaseIterable {
  case miniMind3 = "minimind-3"
  case miniMind3MoE = "minimind-3-moe"
  case miniMind2 = "minimind2"
  case miniMind2Small = "minimind2-small"
  case tiny

  /// The width inside the feed-forward networks of a model of another width.
  func feedForwardWidth(hidden: Int) -> Int {
    self == .miniMind2 || self == .miniMind2Small
      ? ModelConfiguration.miniMind2IntermediateSize(hidden: hidden)
      : ModelConfiguration.miniMind3IntermediateSize(hidden: hidden)
  }

  /// The `config.json` that `transformers` loads.
  var json: JSON {
    let hidden = self == .tiny ? 128 : self == .miniMind2Small ? 512 : 768
    let isThird = self != .miniMind2 && self != .miniMind2Small
    let width = feedForwardWidth(hidden: hidden)
    let experts = self == .miniMind3MoE ? ExpertConfiguration.miniMind(intermediateSize: width) : nil
    let (type, architecture) =
      experts != nil
      ? ("qwen3_moe", "Qwen3MoeForCausalLM") : isThird ? ("qwen3", "Qwen3ForCausalLM") : ("llama", "LlamaForCausalLM")
    var json: JSON.Object = [
      "architectures": [.string(architecture)], "model_type": .string(type),
      "vocab_size": 6400, "hidden_size": .integer(hidden), "intermediate_size": .integer(width),
      "num_hidden_layers": .integer(self == .tiny ? 2 : self == .miniMind2 ? 16 : 8), "num_attention_heads": 8,
      "num_key_value_heads": .integer(isThird ? 4 : 2), "head_dim": .integer(hidden / 8), "hidden_act": "silu",
      "rms_norm_eps": .number(isThird ? 1e-6 : 1e-5), "rope_theta": .number(1_000_000),
      "max_position_embeddings": 32768, "tie_word_embeddings": true, "attention_bias": false, "bos_token_id": 1,
      "eos_token_id": 2,
    ]
    for (key, value) in experts?.huggingFaceKeys ?? [:] { json[key] = value }
    return .object(json)
  }
}
