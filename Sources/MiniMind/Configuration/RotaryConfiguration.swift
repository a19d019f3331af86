import Foundation
import OrderedJSON

/// Rotary position embedding: the base frequency and how it is stretched for long contexts.
public struct RotaryConfiguration: Sendable, Equatable {
  /// How frequencies are changed.
  public enum Scaling: Sendable, Equatable {
    /// Unchanged.
    case none
    /// Positions divided by a factor.
    case linear(factor: Double)
    /// YaRN (Peng et al., 2023, arXiv:2309.00071).
    case yarn(factor: Double, originalPositions: Double, betaFast: Double, betaSlow: Double, attentionFactor: Double)
    /// Llama 3.1's scheme: long waves stretched, short waves kept, a ramp between.
    case llama3(factor: Double, originalPositions: Double, lowFrequency: Double, highFrequency: Double)
  }

  /// θ: pair i of a head of size d rotates by θ^(−2i/d) radians per position.
  public var base: Double
  /// How frequencies are changed.
  public var scaling: Scaling

  /// Plain rotary embedding.
  public init(base: Double, scaling: Scaling = .none) {
    self.base = base
    self.scaling = scaling
  }

  /// Reads `rope_theta` with `rope_scaling` (`transformers` 4, MiniMind) and `rope_parameters` (`transformers` 5).
  ///
  /// As in `transformers` 5.24, `rope_scaling` wins over `rope_parameters` unless it is empty; a `rope_theta` in it wins over
  /// one at the top level; but an `original_max_position_embeddings` at the top level wins over one in it.
  ///
  /// - Parameter maximumPositions: the default of `original_max_position_embeddings` for `yarn` and `llama3`
  init(_ json: JSON, family: ModelConfiguration.Family, maximumPositions: Int, file: String) throws {
    let reader = ConfigurationReader(json: json, file: file)
    let scalingKeys = [json["rope_scaling"], json["rope_parameters"]].compactMap { $0?.object }
    let parameters = scalingKeys.first { !$0.isEmpty } ?? [:]
    base = parameters["rope_theta"]?.double ?? json["rope_theta"]?.double ?? (family == .minimind ? 1e6 : 1e4)
    guard base > 1 else { throw reader.error("\"rope_theta\" is \(base); expected a number above 1") }
    let rotated = parameters["partial_rotary_factor"]?.double ?? json["partial_rotary_factor"]?.double
    if let rotated, rotated != 1 {
      throw reader.error("\"partial_rotary_factor\" is \(rotated); only full rotation (1) is supported")
    }

    let isMiniMind = family == .minimind
    if isMiniMind, json["inference_rope_scaling"]?.bool == true, parameters["factor"] == nil {
      // MiniMind's switch alone means its own fixed numbers.
      scaling = .yarn(factor: 16, originalPositions: 2048, betaFast: 32, betaSlow: 1, attentionFactor: 1)
      return
    }
    if isMiniMind, json["inference_rope_scaling"]?.bool == false {
      scaling = .none
      return
    }
    let type = parameters["rope_type"]?.string ?? parameters["type"]?.string ?? "default"
    func number(_ key: String, default standard: Double? = nil) throws -> Double {
      if let value = parameters[key]?.double, value > 0 { return value }
      guard let standard else { throw reader.error("rope scaling \"\(type)\" needs a positive \"\(key)\"") }
      return standard
    }
    func originalPositions() throws -> Double {
      if let value = json["original_max_position_embeddings"]?.double, value > 0 { return value }
      // Absent keys of MiniMind's scaling have the same values as for the switch alone.
      return try number("original_max_position_embeddings", default: isMiniMind ? 2048 : Double(maximumPositions))
    }
    switch type {
    case "default": scaling = .none
    case "linear": scaling = .linear(factor: try number("factor"))
    case "yarn":
      let factor = try number("factor")
      if parameters["mscale"]?.double != nil || parameters["truncate"]?.bool == false {
        throw reader.error("rope scaling \"yarn\" with \"mscale\" or \"truncate\": false is not supported")
      }
      scaling = .yarn(
        factor: factor, originalPositions: try originalPositions(), betaFast: try number("beta_fast", default: 32),
        betaSlow: try number("beta_slow", default: 1),
        attentionFactor: try number(
          "attention_factor", default: factor > 1 && !isMiniMind ? 0.1 * log(factor) + 1 : 1))
    case "llama3":
      scaling = .llama3(
        factor: try number("factor"), originalPositions: try originalPositions(),
        lowFrequency: try number("low_freq_factor"), highFrequency: try number("high_freq_factor"))
    default:
      throw reader.error("rope scaling \"\(type)\" is not supported; supported are default, linear, yarn and llama3")
    }
  }

  /// The angle by which each of the `headSize / 2` pairs rotates per position, in radians.
  public func frequencies(headSize: Int) -> [Double] {
    let plain = (0..<headSize / 2).map { pow(base, -2 * Double($0) / Double(headSize)) }
    switch scaling {
    case .none:
      return plain
    case .linear(let factor):
      return plain.map { $0 / factor }
    case .yarn(let factor, let original, let betaFast, let betaSlow, _):
      // The index of the pair that makes `turns` rotations over the original context.
      func index(turns: Double) -> Double {
        Double(headSize) * log(original / (turns * 2 * .pi)) / (2 * log(base))
      }
      let low = max(index(turns: betaFast).rounded(.down), 0)
      let high = min(index(turns: betaSlow).rounded(.up), Double(headSize - 1))
      let width = max(high - low, 0.001)
      return plain.enumerated().map { pair, frequency in
        let stretched = min(max((Double(pair) - low) / width, 0), 1)
        return frequency / factor * stretched + frequency * (1 - stretched)
      }
    case .llama3(let factor, let original, let lowFrequency, let highFrequency):
      return plain.map { frequency in
        let wavelength = 2 * .pi / frequency
        if wavelength > original / lowFrequency { return frequency / factor }
        if wavelength < original / highFrequency { return frequency }
        let kept = (original / wavelength - lowFrequency) / (highFrequency - lowFrequency)
        return (1 - kept) * frequency / factor + kept * frequency
      }
    }
  }

  /// The factor on cosines and sines; attention scores are scaled by its square.
  public var amplitude: Double {
    if case .yarn(_, _, _, _, let attentionFactor) = scaling { attentionFactor } else { 1 }
  }
}
