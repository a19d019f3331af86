import OrderedJSON
import Torch

extension ModelConfiguration {
  /// A `config.json` that `transformers` loads, for weights of the given type.
  ///
  /// A configuration of Hugging Face is kept unchanged except for the dtype. MiniMind's own becomes that of the class in
  /// `transformers` that computes the same.
  public func huggingFaceJSON(dtype: DType) -> JSON {
    var object = family == .minimind ? translated : source.object ?? [:]
    object["architectures"] = [.string(architecture)]
    // `transformers` 5 writes dtype, 4 writes torch_dtype; each reads both.
    object[object["dtype"] != nil ? "dtype" : "torch_dtype"] = .string(dtype.rawValue)
    return .object(object)
  }

  /// The class of `transformers` that computes the same.
  private var architecture: String {
    if hasQueryKeyNorm { return experts == nil ? "Qwen3ForCausalLM" : "Qwen3MoeForCausalLM" }
    return family == .qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM"
  }

  private var translated: JSON.Object {
    var object: JSON.Object = [
      "model_type": .string(hasQueryKeyNorm ? (experts == nil ? "qwen3" : "qwen3_moe") : "llama"),
      "vocab_size": .integer(vocabularySize),
      "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(intermediateSize),
      "num_hidden_layers": .integer(layerCount),
      "num_attention_heads": .integer(headCount),
      "num_key_value_heads": .integer(keyValueHeadCount),
      "head_dim": .integer(headSize),
      "hidden_act": "silu",
      "attention_bias": false,
      "rms_norm_eps": .number(normEpsilon),
      "rope_theta": .number(rope.base),
      "max_position_embeddings": .integer(maximumPositions),
      "tie_word_embeddings": .bool(tiesEmbeddings),
    ]
    for (key, value) in experts?.huggingFaceKeys ?? [:] { object[key] = value }
    if case .yarn(let factor, let original, let fast, let slow, let attention) = rope.scaling {
      object["rope_scaling"] = [
        "rope_type": "yarn", "factor": .number(factor), "original_max_position_embeddings": .integer(Int(original)),
        "beta_fast": .number(fast), "beta_slow": .number(slow), "attention_factor": .number(attention),
      ]
    }
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
      if let value = source[key] { object[key] = value }
    }
    // MiniMind's default differs from that of the class that the file now names.
    if source["eos_token_id"] == nil { object["eos_token_id"] = .array(endTokenIDs.map { .integer($0) }) }
    return object
  }
}
