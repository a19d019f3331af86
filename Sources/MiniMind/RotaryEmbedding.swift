import Torch

/// Cosines and sines of the angles by which queries and keys are turned, for the tokens of one forward pass
/// (Su et al., 2021, "RoFormer", in the rotate-half form that Llama and Qwen3 use).
public struct RotaryTables {
  /// `[tokens, 1, head size]`, the same for both halves of a head.
  let cosines: Tensor
  /// `[tokens, 1, head size]`
  let sines: Tensor

  /// Tables for tokens at the given positions.
  ///
  /// - Parameter positions: `[tokens]`, `int64`
  /// - Throws: `TorchError` when LibTorch fails.
  public init(_ configuration: RotaryConfiguration, headSize: Int, positions: Tensor) throws(TorchError) {
    let frequencies = configuration.frequencies(headSize: headSize).map(Float.init)
    let angles = try positions.to(.float32).unsqueeze(1).multiply(
      Tensor(frequencies).to(device: positions.device).unsqueeze(0))
    let both = try Tensor.concatenate([angles, angles], dim: 1).unsqueeze(1)
    cosines = try both.cos().multiply(configuration.amplitude)
    sines = try both.sin().multiply(configuration.amplitude)
  }

  /// Turns every head of `x`, `[tokens, heads, head size]`.
  func rotate(_ x: Tensor) throws(TorchError) -> Tensor {
    let half = try x.size(-1) / 2
    let first = try x.narrow(-1, 0, half)
    let second = try x.narrow(-1, half, half)
    let turned = try Tensor.concatenate([second.negated(), first], dim: -1)
    return try x.multiply(cosines).add(turned.multiply(sines))
  }
}
