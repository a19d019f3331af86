import Torch

/// The outputs of layers that share an input, side by side, each with its adapter where it has one.
func projected(_ x: Tensor, _ layers: [Linear]) throws(TorchError) -> Tensor {
  let products = try projections(x, weights: layers.map(\.weight.weight))
  guard layers.contains(where: { $0.adapter != nil }) else { return products }
  var sums = products
  var column = 0
  for layer in layers {
    if let adapter = layer.adapter { sums = try addLowRank(adapter.addition, of: x, to: sums, column: column) }
    column += layer.weight.shape[0]
  }
  guard layers.contains(where: { $0.adapter?.magnitude != nil }) else { return sums }
  var factors: [Tensor] = []
  for layer in layers {
    factors.append(try layer.adapter?.rowFactors() ?? .ones([layer.weight.shape[0]], device: x.device))
  }
  return try (sums * Tensor.concatenate(factors).unsqueeze(0)).to(products.dtype)
}

extension Linear {
  /// The outputs for silu(gate) · up.
  func ofSwiGLU(_ gateAndUp: Tensor) throws(TorchError) -> Tensor {
    guard let adapter else { return try swiGLUProjection(gateAndUp, weight: weight.weight) }
    let sums = try swiGLUProjection(gateAndUp, weight: weight.weight, adding: adapter.addition)
    guard let factors = try adapter.rowFactors() else { return sums }
    return try (sums * factors.unsqueeze(0)).to(sums.dtype)
  }
}
