import Foundation

/// The network of llama.cpp that computes what a model computes.
enum GGUFArchitecture: String {
  /// Without QK-norm; with biases on all projections of attention, or on none. It rotates neighbouring pairs of a head.
  case llama
  /// With biases on queries, keys and values.
  case qwen2
  /// With QK-norm.
  case qwen3
  /// With QK-norm, and experts in every layer.
  case qwen3Moe = "qwen3moe"

  /// The one for a model.
  ///
  /// - Throws: `GGUFError` for a model that none of them computes
  init(_ configuration: ModelConfiguration) throws(GGUFError) {
    if let experts = configuration.experts, configuration.expertLayerCount > 0 {
      guard configuration.hasQueryKeyNorm, configuration.attentionBiases == .none else {
        throw GGUFError("its experts come without QK-norm, or with biases")
      }
      guard configuration.expertLayerCount == configuration.layerCount else {
        throw GGUFError("only some of its layers have experts")
      }
      guard experts.normalizesWeights else {
        throw GGUFError("the weights of a token's experts are not scaled to the sum 1 (\"norm_topk_prob\": false)")
      }
      self = .qwen3Moe
      return
    }
    switch (configuration.hasQueryKeyNorm, configuration.attentionBiases) {
    case (true, .none): self = .qwen3
    case (true, _): throw GGUFError("it has QK-norm and biases in attention")
    case (false, .onInputs): self = .qwen2
    case (false, _): self = .llama
    }
    if case .llama3 = configuration.rope.scaling, self != .llama {
      throw GGUFError(
        "it stretches its positions as Llama 3.1 does, which llama.cpp knows of the Llama architecture only")
    }
    if case .yarn(_, _, let fast, let slow, _) = configuration.rope.scaling, (fast, slow) != (32, 1) {
      throw GGUFError("its YaRN has \"beta_fast\" \(fast) and \"beta_slow\" \(slow); llama.cpp has 32 and 1")
    }
  }
}

/// Why a model cannot be a GGUF file.
public struct GGUFError: Error, Hashable, CustomStringConvertible {
  /// What is in the way.
  public let reason: String
  init(_ reason: String) { self.reason = reason }

  /// The same as a sentence.
  public var description: String {
    "no architecture of llama.cpp fits this model: \(reason). A Hugging Face folder (--to FOLDER) holds any model."
  }
}
