import MiniMind
import Torch

/// Weights and token ids that Swift and Python compute bit for bit alike from integers, so that a test of the full-size
/// model needs no weight file. `Tools/reference/hashed.py` is the same formula.
public enum HashedWeights {
  /// SplitMix64 (Steele, Lea & Flood, 2014, "Fast Splittable Pseudorandom Number Generators"): the output for a state.
  public static func splitMix64(_ state: UInt64) -> UInt64 {
    var x = state &+ 0x9E37_79B9_7F4A_7C15
    x = (x ^ x >> 30) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ x >> 27) &* 0x94D0_49BB_1331_11EB
    return x ^ x >> 31
  }

  /// The values of one parameter.
  ///
  /// u = (splitMix64(seed + parameter · 2⁴⁰ + i) ≫ 40) / 2²⁴ lies in [0, 1). An element of a matrix is (2u − 1) · 0.02 · √3,
  /// which has the standard deviation 0.02; an element of a norm is 1 + (2u − 1) · 0.1. All of it in float32.
  ///
  /// - Parameters:
  ///   - parameter: its number in declaration order, from 0
  ///   - count: the number of elements
  ///   - isNorm: whether it is the weight of a norm
  public static func values(seed: UInt64, parameter: Int, count: Int, isNorm: Bool) -> [Float] {
    let start = seed &+ UInt64(parameter) << 40
    let scale = isNorm ? 0.1 : Float(0.02 * 3.0.squareRoot())
    let center: Float = isNorm ? 1 : 0
    return [Float](unsafeUninitializedCapacity: count) { values, initialized in
      for index in 0..<count {
        let bits = splitMix64(start &+ UInt64(index)) >> 40
        // Exact: a whole number below 2²⁴ over a power of two.
        let signed = Float(Int64(bits) - 1 << 23) / Float(1 << 23)
        values[index] = center + signed * scale
      }
      initialized = count
    }
  }

  /// Token ids for a model with this vocabulary: splitMix64(seed + i) ≫ 40, modulo the vocabulary.
  public static func tokens(_ count: Int, vocabulary: Int, seed: UInt64) -> [Int] {
    (0..<count).map { Int(splitMix64(seed &+ UInt64($0)) >> 40) % vocabulary }
  }

  /// MiniMind-3: 63.9 million weights in the shape of Qwen3.
  ///
  /// - Throws: `ModelConfigurationError`, `TorchError` when memory runs out.
  public static func miniMind3(seed: UInt64) throws -> CausalLM {
    let model = try CausalLM(
      ModelConfiguration([
        "model_type": "qwen3", "vocab_size": 6400, "hidden_size": 768, "intermediate_size": 2432,
        "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 96,
        "rms_norm_eps": 1e-6, "rope_theta": 1_000_000, "max_position_embeddings": 32768, "tie_word_embeddings": true,
      ]))
    try model.fill(hashed: seed)
    return model
  }

  /// MiniMind-3-MoE: 198 million weights in the shape of Qwen3-MoE.
  ///
  /// - Throws: `ModelConfigurationError`, `TorchError` when memory runs out.
  public static func miniMind3MoE(seed: UInt64) throws -> CausalLM {
    let model = try CausalLM(ModelConfiguration(["model_type": "minimind", "use_moe": true]))
    try model.fill(hashed: seed)
    return model
  }
}

extension CausalLM {
  /// Fills every parameter with `HashedWeights`, numbered in the order of `namedParameters`.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func fill(hashed seed: UInt64) throws(TorchError) {
    try withoutGrad { () throws(TorchError) in
      for (number, (_, parameter)) in namedParameters.enumerated() {
        let values = HashedWeights.values(
          seed: seed, parameter: number, count: parameter.count, isNorm: parameter.shape.count == 1)
        try parameter.value.copyInPlace(Tensor(values).view(parameter.shape))
      }
    }
  }
}
