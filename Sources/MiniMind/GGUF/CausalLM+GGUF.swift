import Checkpoints
import Foundation
import OrderedCollections
import Torch

/// A value of the metadata of a GGUF file.
public typealias GGUFValue = Checkpoints.GGUFValue
/// How the matrices of a GGUF file are stored.
public typealias GGUFEncoding = GGUFTensor.Encoding

extension ModelFiles {
  /// Writes a GGUF file for llama.cpp and Ollama. It is complete or absent.
  ///
  /// - Parameter metadata: what is not of the network: the name, the tokenizer, the chat template
  /// - Throws: `GGUFError` for a model that llama.cpp has no architecture for; `FileError` when the file cannot be written,
  ///   `TorchError` when memory runs out
  public static func writeGGUF(
    _ model: CausalLM, as encoding: GGUFEncoding, adding metadata: [(key: String, value: GGUFValue)], to file: URL
  ) throws {
    try GGUF.write(
      model.ggufMetadata(as: encoding) + metadata, model.ggufTensors(as: encoding), to: file)
  }
}

extension CausalLM {
  /// What a GGUF file says of the network.
  ///
  /// - Parameter encoding: how matrices are stored
  /// - Throws: `GGUFError` for a model that llama.cpp has no architecture for
  func ggufMetadata(
    as encoding: GGUFEncoding
  ) throws(GGUFError) -> [(key: String, value: GGUFValue)] {
    let shape = configuration
    let name = try GGUFArchitecture(shape).rawValue
    func count(_ value: Int) -> GGUFValue { .uint32(UInt32(value)) }
    let fileTypes: [GGUFEncoding: UInt32] = [.float32: 0, .float16: 1, .q8_0: 7]
    var metadata: [(key: String, value: GGUFValue)] = [
      ("general.architecture", .string(name)), ("general.type", .string("model")),
      ("general.file_type", .uint32(fileTypes[encoding] ?? 0)), ("general.quantization_version", .uint32(2)),
      ("\(name).block_count", count(shape.layerCount)), ("\(name).context_length", count(shape.maximumPositions)),
      ("\(name).embedding_length", count(shape.hiddenSize)),
      ("\(name).feed_forward_length", count(shape.intermediateSize)),
      ("\(name).attention.head_count", count(shape.headCount)),
      ("\(name).attention.head_count_kv", count(shape.keyValueHeadCount)),
      ("\(name).attention.key_length", count(shape.headSize)),
      ("\(name).attention.value_length", count(shape.headSize)),
      ("\(name).attention.layer_norm_rms_epsilon", .float32(Float(shape.normEpsilon))),
      ("\(name).rope.dimension_count", count(shape.headSize)),
      ("\(name).rope.freq_base", .float32(Float(shape.rope.base))),
      ("\(name).vocab_size", count(shape.vocabularySize)),
    ]
    switch shape.rope.scaling {
    // Llama 3.1's is a tensor of its own.
    case .none, .llama3: break
    case .linear(let factor):
      metadata += [
        ("\(name).rope.scaling.type", .string("linear")), ("\(name).rope.scaling.factor", .float32(Float(factor))),
      ]
    case .yarn(let factor, let original, _, _, let attention):
      metadata += [
        ("\(name).rope.scaling.type", .string("yarn")), ("\(name).rope.scaling.factor", .float32(Float(factor))),
        ("\(name).rope.scaling.original_context_length", count(Int(original))),
        // llama.cpp multiplies it by YaRN's own factor.
        ("\(name).rope.scaling.attn_factor", .float32(Float(attention / (0.1 * log(factor) + 1)))),
      ]
    }
    if let experts = shape.experts, shape.expertLayerCount > 0 {
      metadata += [
        ("\(name).expert_count", count(experts.count)), ("\(name).expert_used_count", count(experts.perToken)),
        ("\(name).expert_feed_forward_length", count(experts.intermediateSize)),
      ]
    }
    return metadata
  }

  /// The weights under ggml's names, with the adapter in them, where the model has one. Norms, biases and routers stay in
  /// single precision, as llama.cpp has them.
  ///
  /// - Throws: `GGUFError` for a model that llama.cpp has no architecture for; `TorchError` when memory runs out
  func ggufTensors(as encoding: GGUFEncoding) throws -> [GGUFTensor] {
    let architecture = try GGUFArchitecture(configuration)
    let weights = try tensors(dtype: .float32)
    var result: [GGUFTensor] = []
    if case .llama3 = configuration.rope.scaling { result.append(try frequencyFactors()) }
    for (name, tensor) in weights where !name.contains(".mlp.experts.") {
      let place = try GGUFNames.name(of: name)
      let isKept = tensor.shape.count < 2 || place.hasSuffix("ffn_gate_inp.weight")
      result.append(
        GGUFTensor(
          place, tensor, as: isKept ? .float32 : encoding,
          sourceRow: architecture == .llama ? interleaving(place) : nil))
    }
    guard let experts = configuration.experts else { return result }
    // Earlier versions of llama.cpp ask for a head of its own beside experts.
    if configuration.tiesEmbeddings, let table = weights["model.embed_tokens.weight"] {
      result.append(GGUFTensor("output.weight", table, as: encoding))
    }
    for layer in 0..<configuration.layerCount where experts.areIn(layer: layer) {
      for (projection, place) in [("gate", "ffn_gate_exps"), ("up", "ffn_up_exps"), ("down", "ffn_down_exps")] {
        let parts = (0..<experts.count).compactMap {
          weights["model.layers.\(layer).mlp.experts.\($0).\(projection)_proj.weight"]
        }
        result.append(GGUFTensor("blk.\(layer).\(place).weight", stacking: parts, as: encoding))
      }
    }
    return result
  }

  /// The order of rows of queries and keys in the Llama architecture: llama.cpp rotates neighbours of a head there, where
  /// `transformers` rotates the two halves. Nil for all other tensors.
  private func interleaving(_ place: String) -> (@Sendable (Int) -> Int)? {
    guard place.contains(".attn_q.") || place.contains(".attn_k.") else { return nil }
    let size = configuration.headSize
    return { row in
      let (head, inside) = (row / size, row % size)
      return head * size + inside % 2 * (size / 2) + inside / 2
    }
  }

  /// By how much Llama 3.1's scheme slows down each pair of a head.
  private func frequencyFactors() throws -> GGUFTensor {
    let plain = RotaryConfiguration(base: configuration.rope.base).frequencies(headSize: configuration.headSize)
    let scaled = configuration.rope.frequencies(headSize: configuration.headSize)
    let factors = zip(plain, scaled).map { Float($0 / $1) }
    return GGUFTensor("rope_freqs.weight", try Tensor(factors), as: .float32)
  }
}

/// ggml's names of tensors by those of `transformers`.
enum GGUFNames {
  private static let outer = [
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
  ]
  private static let inner = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
  ]

  /// - Throws: `GGUFError` for a tensor that no architecture has
  static func name(of name: String) throws(GGUFError) -> String {
    if let place = outer[name] { return place }
    let parts = name.split(separator: ".")
    guard parts.count > 4, name.hasPrefix("model.layers."), let layer = Int(parts[2]), let kind = parts.last,
      let place = inner[parts[3..<parts.count - 1].joined(separator: ".")]
    else { throw GGUFError("there is nothing like its \(name)") }
    return "blk.\(layer).\(place).\(kind)"
  }
}
