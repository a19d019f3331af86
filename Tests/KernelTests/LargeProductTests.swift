import Testing
import Torch

@Suite("Large products, which may be another library's than small ones")
struct LargeProductTests {
  private static let (rows, size, inner) = (600, 768, 960)

  /// Weights side by side in one buffer, as a model has them, or each in memory of its own.
  private static func weights(_ shapes: [[Int]], joined: Bool) throws -> [Tensor] {
    let apart = try shapes.enumerated().map { try variable($1, seed: UInt64($0 + 1), dtype: .float32) }
    guard joined else { return apart }
    let views = try FlatBuffer(shapes: shapes).views
    for (view, weight) in zip(views, apart) {
      try withoutGrad { try view.copyInPlace(weight) }
      try view.setRequiresGrad(true)
    }
    return views
  }

  /// Compares a fused operator with LibTorch's own, in float64, where nothing is lost.
  private func compare(
    _ shapes: [[Int]], joined: Bool, withGradientMemory: Bool, fused: (Tensor, [Tensor]) throws -> Tensor,
    plain: (Tensor, [Tensor]) throws -> Tensor
  ) throws {
    let input = try variable([Self.rows, Self.size], seed: 9, dtype: .float32)
    let weights = try Self.weights(shapes, joined: joined)
    let exact = try ([input] + weights).map { tensor in
      let copy = try withoutGrad { try tensor.to(DType.float64) }
      try copy.setRequiresGrad(true)
      return copy
    }
    let expected = try Operator.evaluate({ try plain($0[0], Array($0.dropFirst())) }, exact)
    if withGradientMemory {
      for (weight, view) in zip(weights, try FlatBuffer(shapes: shapes).views) { try weight.setGradient(view) }
    } else {
      for weight in weights { try weight.setGradient(nil) }
    }
    let value = try fused(input, weights)
    try Operator.weighted(value).backward()
    #expect(try difference(value.detached().to(DType.float64), expected.value) < 1e-5)
    for (tensor, gradient) in zip([input] + weights, expected.gradients) {
      let found = try #require(try tensor.gradient())
      #expect(try difference(found.to(DType.float64), gradient) < 1e-5)
    }
  }

  @Test(
    "Projections, their weights joined or not, with memory for gradients or without", arguments: [true, false],
    [true, false])
  func projections(joined: Bool, withGradientMemory: Bool) throws {
    try compare(
      [[Self.inner, Self.size], [Self.inner / 2, Self.size], [Self.inner / 2, Self.size]], joined: joined,
      withGradientMemory: withGradientMemory
    ) {
      try Torch.projections($0, weights: $1.map { Weight($0) })
    } plain: { input, weights in
      try Tensor.concatenate(weights.map { try linear(input, weight: $0) }, dim: 1)
    }
  }

  @Test("A single one")
  func single() throws {
    try compare([[Self.inner, Self.size]], joined: false, withGradientMemory: false) {
      try Torch.projections($0, weights: $1.map { Weight($0) })
    } plain: {
      try linear($0, weight: $1[0])
    }
  }
}
