import Torch

/// Cosines and sines of the angles by which queries and keys are turned, for the tokens of one forward pass
/// (Su et al., 2021, "RoFormer", in the rotate-half form that Llama and Qwen3 use).
public struct RotaryTables {
  /// `[tokens, head size / 2]`: pair i of a head is made of its elements i and i + size / 2.
  let cosines: Tensor
  /// `[tokens, head size / 2]`
  let sines: Tensor

  /// Tables for tokens at the given positions.
  ///
  /// - Parameter positions: `[tokens]`, `int64`
  /// - Throws: `TorchError` when LibTorch fails.
  public init(_ configuration: RotaryConfiguration, headSize: Int, positions: Tensor) throws(TorchError) {
    let frequencies = configuration.frequencies(headSize: headSize).map(Float.init)
    let angles = try positions.to(.float32).unsqueeze(1).multiply(
      Tensor(frequencies).to(device: positions.device).unsqueeze(0))
    cosines = try angles.cos().multiply(configuration.amplitude)
    sines = try angles.sin().multiply(configuration.amplitude)
  }

  private init(cosines: Tensor, sines: Tensor) {
    self.cosines = cosines
    self.sines = sines
  }

  /// Those of some tokens, `[n]`, `int64`.
  func rows(_ rows: Tensor) throws(TorchError) -> RotaryTables {
    RotaryTables(cosines: try cosines.indexSelect(0, rows), sines: try sines.indexSelect(0, rows))
  }
}
