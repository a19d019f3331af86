import Torch

/// SwiGLU (Shazeer, 2020, "GLU Variants Improve Transformer"): down(silu(gate x) · up x).
public final class FeedForward: Module {
  private let gateProjection: Linear
  private let upProjection: Linear
  private let downProjection: Linear

  init(_ configuration: ModelConfiguration) throws(TorchError) {
    let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    gateProjection = try Linear(input: hidden, output: inner)
    upProjection = try Linear(input: hidden, output: inner)
    downProjection = try Linear(input: inner, output: hidden)
  }

  /// Gate, up, down.
  public var members: [Member] {
    [.module("gate_proj", gateProjection), .module("up_proj", upProjection), .module("down_proj", downProjection)]
  }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try downProjection.ofSwiGLU(Linear.sideBySide([gateProjection, upProjection], x))
  }
}
