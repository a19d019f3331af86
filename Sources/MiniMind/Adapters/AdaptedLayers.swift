import Torch

extension Linear {
  /// Adds to the products of layers side by side what their adapters contribute, where they have any.
  static func adapted(_ products: Tensor, of layers: [Linear], _ x: Tensor) throws(TorchError) -> Tensor {
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
      let own = try layer.adapter?.rowFactors()
      if let own { factors.append(own) } else { factors.append(try .ones([layer.weight.shape[0]], device: x.device)) }
    }
    return try (sums * Tensor.concatenate(factors).unsqueeze(0)).to(products.dtype)
  }

  /// The outputs for silu(gate) · up, of gate and up side by side.
  func ofSwiGLU(_ gateAndUp: Tensor) throws(TorchError) -> Tensor {
    guard let adapter else { return try swiGLUProjection(gateAndUp, weight: weight.weight) }
    let sums = try swiGLUProjection(gateAndUp, weight: weight.weight, adding: adapter.addition)
    guard let factors = try adapter.rowFactors() else { return sums }
    return try (sums * factors.unsqueeze(0)).to(sums.dtype)
  }
}
