import Torch

/// What stands in a layer behind attention.
protocol FeedForwardNetwork: Module {
  /// - Parameters:
  ///   - x: `[tokens, hidden]`
  ///   - rows: the tokens whose outputs to return, `[n]`, `int64`; all if nil
  ///   - use: counts how experts are used; nil where nobody asks
  /// - Returns: `[tokens or n, hidden]`, and what a mixture of experts adds to `use.layers`
  func callAsFunction(_ x: Tensor, rows: Tensor?, counting use: ExpertUse?) throws(TorchError) -> (Tensor, Tensor?)
}

/// SwiGLU (Shazeer, 2020, "GLU Variants Improve Transformer"): down(silu(gate x) · up x).
public final class FeedForward: Module, FeedForwardNetwork {
  private let gateProjection: Linear
  private let upProjection: Linear
  private let downProjection: Linear

  init(hidden: Int, inner: Int) throws(TorchError) {
    gateProjection = try Linear(input: hidden, output: inner)
    upProjection = try Linear(input: hidden, output: inner)
    downProjection = try Linear(input: inner, output: hidden)
  }

  /// Gate, up, down.
  public var members: [Member] {
    [.module("gate_proj", gateProjection), .module("up_proj", upProjection), .module("down_proj", downProjection)]
  }

  func callAsFunction(_ x: Tensor, rows: Tensor?, counting _: ExpertUse?) throws(TorchError) -> (Tensor, Tensor?) {
    (try self(rows.map { rows throws(TorchError) in try x.indexSelect(0, rows) } ?? x), nil)
  }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try downProjection.ofSwiGLU(Linear.sideBySide([gateProjection, upProjection], x))
  }
}
