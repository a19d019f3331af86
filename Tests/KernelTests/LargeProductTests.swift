import Testing
import Torch

@Suite("Large products, which are not LibTorch's on most processors")
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

  @Test("SwiGLU with its projection")
  func swiGLU() throws {
    try compare([[Self.inner, Self.size / 2]], joined: false, withGradientMemory: true) {
      try swiGLUProjection($0, weight: Weight($1[0]))
    } plain: {
      let half = Self.size / 2
      return try linear($0.narrow(1, 0, half).silu().multiply($0.narrow(1, half, half)), weight: $1[0])
    }
  }

  @Test("Log-probabilities, logits kept or computed again", arguments: [true, false])
  func logProbabilities(keepingLogits: Bool) throws {
    let targets = try Tensor((0..<Self.rows).map { Int64($0 * 37 % 2_000) })
    // So that no log-probability is large, and errors are those of the products.
    let scale = 0.02
    try compare([[2_000, Self.size]], joined: false, withGradientMemory: true) {
      try Torch.logProbabilities(
        $0.multiply(scale), weight: Weight($1[0]), targets: targets, keepsLogits: keepingLogits)
    } plain: {
      let scores = try linear($0.multiply(scale), weight: $1[0])
      return try scores.gather(1, targets.unsqueeze(1)).squeeze(1).subtract(scores.logSumExp(1))
    }
  }
}

private let instructionSets = LargeProduct.InstructionSet.allCases.filter(\.isThere)

@Suite(
  "Products by Strassen's algorithm",
  .enabled(if: !instructionSets.isEmpty, "this processor has neither AVX2 nor AVX-512"))
struct StrassenTests {
  /// Of every kind of edge: less than a tile, halves of different lengths, several blocks of each dimension.
  static let sizes = [
    (1, 1, 1), (2, 3, 5), (7, 64, 9), (28, 64, 2), (29, 65, 13), (300, 33, 100), (101, 700, 1301), (1_601, 40, 3),
    (800, 5_250, 17), (90, 130, 1_283),
  ]

  /// A matrix, or the transpose of one that lies in memory as rows.
  private func matrix(_ rows: Int, _ columns: Int, transposed: Bool, seed: UInt64) throws -> Tensor {
    let drawn = try Tensor.empty(transposed ? [columns, rows] : [rows, columns])
    try drawn.fillNormal(from: Generator(seed: seed))
    return transposed ? try drawn.transpose(0, 1) : drawn
  }

  @Test(
    "A product is LibTorch's of float64, however its factors lie, and nothing beside it is written",
    arguments: instructionSets, sizes)
  func product(set: LargeProduct.InstructionSet, size: (rows: Int, columns: Int, inner: Int)) throws {
    for layout in 0..<8 {
      let (left, right, adds) = (layout & 1 != 0, layout & 2 != 0, layout & 4 != 0)
      let a = try matrix(size.rows, size.inner, transposed: left, seed: 1)
      let b = try matrix(size.inner, size.columns, transposed: right, seed: 2)
      let surroundings = try matrix(size.rows + 2, size.columns + 3, transposed: false, seed: 3)
      let before = try surroundings.to(DType.float64)
      let place = try surroundings.narrow(0, 1, size.rows).narrow(1, 2, size.columns)
      try LargeProduct.multiply(a, b, into: place, adds: adds, with: set)

      let exact = try a.to(DType.float64).matmul(b.to(DType.float64))
      let there = try before.narrow(0, 1, size.rows).narrow(1, 2, size.columns)
      try there.copyInPlace(adds ? there.add(exact) : exact)
      // Normal numbers: an error of ten roundings of a sum of as many products.
      let tolerance = 10 * 6e-8 * Double(size.inner).squareRoot()
      #expect(try difference(surroundings.to(DType.float64), before) < tolerance, "layout \(layout)")
    }
  }

  @Test("The same product twice has the same bits")
  func repeated() throws {
    let set = try #require(instructionSets.last)
    let (a, b) = (
      try matrix(301, 500, transposed: false, seed: 1), try matrix(500, 403, transposed: true, seed: 2)
    )
    let (first, second) = (try Tensor.empty([301, 403]), try Tensor.empty([301, 403]))
    for out in [first, second] { try LargeProduct.multiply(a, b, into: out, adds: false, with: set) }
    #expect(try sameBits(first, second))
  }

  @Test("What does not fit is refused")
  func refusals() throws {
    let set = try #require(instructionSets.first)
    let a = try matrix(4, 5, transposed: false, seed: 1)
    #expect(throws: TorchError.self) {
      try LargeProduct.multiply(a, a, into: Tensor.empty([4, 5]), adds: false, with: set)
    }
    #expect(throws: TorchError.self) {
      try LargeProduct.multiply(
        a, matrix(5, 4, transposed: false, seed: 1), into: Tensor.empty([4, 4], dtype: .float64), adds: false, with: set
      )
    }
  }
}
