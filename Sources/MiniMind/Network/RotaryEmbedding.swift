import Torch

/// Cosines and sines of the angles by which queries and keys are rotated, for the tokens of one forward pass
/// (Su et al., 2021, "RoFormer", in the rotate-half form that Llama and Qwen3 use).
public struct RotaryTables {
  /// `[tokens, head size / 2]`: pair i of a head consists of its elements i and i + size / 2.
  let cosines: Tensor
  /// `[tokens, head size / 2]`
  let sines: Tensor

  /// The rows of some tokens, `[n]`, `int64`.
  func rows(_ rows: Tensor) throws(TorchError) -> RotaryTables {
    RotaryTables(cosines: try cosines.indexSelect(0, rows), sines: try sines.indexSelect(0, rows))
  }
}

/// The rotation frequency of each pair of a head, kept on the model's device: a forward pass that is captured in a CUDA
/// graph cannot read from the host.
final class RotaryEmbedding {
  private let configuration: RotaryConfiguration
  private let headSize: Int
  /// Radians per position, `[1, head size / 2]`, on the device that was used last.
  private var frequencies: Tensor?

  init(_ configuration: RotaryConfiguration, headSize: Int) {
    (self.configuration, self.headSize) = (configuration, headSize)
  }

  /// Tables for tokens at the given positions.
  ///
  /// - Parameter positions: `[tokens]`, `int64`
  func tables(_ positions: Tensor) throws(TorchError) -> RotaryTables {
    let angles = try positions.to(.float32).unsqueeze(1) * frequencies(on: positions.device)
    return RotaryTables(
      cosines: try angles.cos() * configuration.amplitude,
      sines: try angles.sin() * configuration.amplitude)
  }

  private func frequencies(on device: Device) throws(TorchError) -> Tensor {
    if let frequencies, frequencies.device == device { return frequencies }
    let made = try Tensor(configuration.frequencies(headSize: headSize).map(Float.init)).to(device: device).unsqueeze(0)
    frequencies = made
    return made
  }
}
