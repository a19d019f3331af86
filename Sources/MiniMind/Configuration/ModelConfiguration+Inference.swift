import OrderedJSON

extension ModelConfiguration {
  /// The configuration of a bare weight file: what its tensors show, and MiniMind's constants for the rest.
  ///
  /// QK-norm distinguishes MiniMind-3 from MiniMind2. Their number of heads, 8, the base of the rotation, 10⁶, and the number of
  /// experts that a token passes through, 1, cannot be inferred from tensors.
  ///
  /// - Parameters:
  ///   - headCount: number of query heads if it is not 8
  ///   - scalesRotation: MiniMind's `inference_rope_scaling`
  /// - Throws: `ModelConfigurationError` when the tensors are not those of a MiniMind, Qwen3 or Llama model.
  public init(inferredFrom state: StateDictionary, headCount: Int? = nil, scalesRotation: Bool = false) throws {
    func shape(_ name: String) throws -> [Int] {
      guard let shape = state.shape(of: name), shape.count == 2 else {
        throw ModelConfigurationError(
          file: state.source,
          reason: "has no matrix \(name); expected the weights of a MiniMind, Qwen3 or Llama model")
      }
      return shape
    }
    if let shared = state.names.first(where: { $0.contains(".mlp.shared_expert") }) {
      throw ModelConfigurationError(
        file: state.source,
        reason:
          "holds \(shared): experts that all tokens share, as in earlier mixtures of MiniMind, are not supported; "
          + "MiniMind-3-MoE and Qwen3-MoE have none")
    }
    let first = "model.layers.0."
    let embedding = try shape("model.embed_tokens.weight")
    let query = try shape(first + "self_attn.q_proj.weight")
    let key = try shape(first + "self_attn.k_proj.weight")
    let router = state.shape(of: first + "mlp.gate.weight")
    let up = try shape(first + (router == nil ? "mlp.up_proj.weight" : "mlp.experts.0.up_proj.weight"))
    if state.shape(of: first + "self_attn.q_proj.bias") != nil {
      throw ModelConfigurationError(
        file: state.source,
        reason: "holds attention with biases, as of Qwen2, whose heads and rotation a bare weight file does not tell; "
          + "name the Hugging Face folder, with its config.json")
    }
    let normSize = state.shape(of: first + "self_attn.q_norm.weight")?.first
    let heads = headCount ?? normSize.map { query[0] / $0 } ?? 8
    let layers = 1 + (state.names.compactMap(Self.layerNumber).max() ?? 0)
    guard heads > 0, query[0] % heads == 0, key[0] % (query[0] / heads) == 0 else {
      throw ModelConfigurationError(
        file: state.source,
        reason: "q_proj of shape \(query) and k_proj of shape \(key) do not divide into \(heads) heads")
    }
    let isMiniMind3 = normSize != nil
    let head = state.shape(of: "lm_head.weight")
    let isTied = try head == nil || state.sharesHead()
    let scaling: JSON =
      scalesRotation
      ? [
        "type": "yarn", "factor": 16, "original_max_position_embeddings": 2048, "beta_fast": 32, "beta_slow": 1,
        "attention_factor": 1.0,
      ] : .null
    guard isMiniMind3 || router == nil else {
      throw ModelConfigurationError(
        file: state.source, reason: "holds experts without QK-norm; expected the weights of MiniMind-3-MoE or Qwen3-MoE"
      )
    }
    var json: JSON.Object = [
      "model_type": .string(isMiniMind3 ? (router == nil ? "qwen3" : "qwen3_moe") : "llama"),
      "vocab_size": .integer(embedding[0]),
      "hidden_size": .integer(embedding[1]),
      "intermediate_size": .integer(up[0]),
      "num_hidden_layers": .integer(layers),
      "num_attention_heads": .integer(heads),
      "num_key_value_heads": .integer(key[0] / (query[0] / heads)),
      "head_dim": .integer(query[0] / heads),
      "rms_norm_eps": .number(isMiniMind3 ? 1e-6 : 1e-5),
      "rope_theta": .number(1_000_000),
      "rope_scaling": scaling,
      "max_position_embeddings": 32768,
      "tie_word_embeddings": .bool(isTied),
      "bos_token_id": 1,
      "eos_token_id": 2,
    ]
    if let router {
      let experts = ExpertConfiguration.miniMind(count: router[0], intermediateSize: up[0])
      for (key, value) in experts.huggingFaceKeys { json[key] = value }
    }
    try self.init(.object(json), file: state.source)
  }

  private static func layerNumber(_ name: String) -> Int? {
    let prefix = "model.layers."
    guard name.hasTextPrefix(prefix) else { return nil }
    return Int(String(name.unicodeScalars.dropFirst(prefix.unicodeScalars.count).prefix { $0 != "." }))
  }
}

extension StateDictionary {
  fileprivate func sharesHead() throws -> Bool {
    guard let head = try tensor("lm_head.weight"), let embedding = try tensor("model.embed_tokens.weight"),
      head.shape == embedding.shape
    else { return false }
    return try head.equal(embedding).all().item() != 0
  }
}
