import Testing
import Torch

@Suite("Low-rank additions to weights")
struct LowRankTests {
  private static let (rows, size, rank, outputs) = (40, 24, 3, 16)

  /// A frozen weight, A and B, and inputs that require gradients.
  private struct Inputs {
    let input: Tensor
    let weights: [Tensor]
    let down: Tensor
    let up: Tensor

    init(_ dtype: DType, inputs: Int = LowRankTests.size, outputs: Int = LowRankTests.outputs, width: Int? = nil) throws
    {
      input = try variable([LowRankTests.rows, width ?? inputs], seed: 1, dtype: dtype)
      weights = try (0..<2).map { try variable([outputs, inputs], seed: 2 + UInt64($0), dtype: dtype).detached() }
      down = try variable([LowRankTests.rank, inputs], seed: 4, dtype: dtype)
      up = try variable([outputs, LowRankTests.rank], seed: 5, dtype: dtype)
    }

    func addition(dropout: LowRankAddition.Dropout? = nil) -> LowRankAddition {
      LowRankAddition(down: Weight(down), up: Weight(up), scale: 1.5, dropout: dropout)
    }

    func gradients(of value: Tensor) throws -> [Tensor] {
      for tensor in [input, down, up] { try tensor.setGradient(nil) }
      try Operator.weighted(value).backward()
      for weight in weights { #expect(try weight.gradient() == nil, "a frozen weight has a gradient") }
      return try [input, down, up].map { try #require(try $0.gradient()) }
    }
  }

  @Test("To the second of two weights side by side, as by LibTorch's operators", arguments: [DType.float32, .float64])
  func besideAnother(dtype: DType) throws {
    let given = try Inputs(dtype)
    let products = try projections(given.input, weights: given.weights.map { Weight($0) })
    let value = try addLowRank(given.addition(), of: given.input, to: products, column: Self.outputs)
    let gradients = try given.gradients(of: value)

    let low = try linear(linear(given.input, weight: given.down), weight: given.up) * 1.5
    let plain = try Tensor.concatenate(
      [linear(given.input, weight: given.weights[0]), linear(given.input, weight: given.weights[1]) + low], dim: 1)
    #expect(try difference(value.detached(), plain.detached()) < 1e-5)
    for (found, expected) in zip(gradients, try given.gradients(of: plain)) {
      #expect(try difference(found, expected) < 1e-5)
    }
  }

  @Test("To the weight behind SwiGLU", arguments: [DType.float32, .float64])
  func behindSwiGLU(dtype: DType) throws {
    let given = try Inputs(dtype, width: 2 * Self.size)
    let value = try swiGLUProjection(given.input, weight: Weight(given.weights[0]), adding: given.addition())
    let gradients = try given.gradients(of: value)

    let (gate, up) = try (given.input.narrow(1, 0, Self.size), given.input.narrow(1, Self.size, Self.size))
    let product = try gate.silu() * up
    let plain =
      try linear(product, weight: given.weights[0]) + linear(linear(product, weight: given.down), weight: given.up)
      * 1.5
    #expect(try difference(value.detached(), plain.detached()) < 1e-5)
    for (found, expected) in zip(gradients, try given.gradients(of: plain)) {
      #expect(try difference(found, expected) < 1e-5)
    }
  }

  @Test("16-bit copies are multiplied; gradients belong to float32 weights")
  func copies() throws {
    let given = try Inputs(.float32)
    func weight(_ tensor: Tensor) throws -> Weight {
      Weight(tensor, copy: try withoutGrad { try tensor.detached().to(DType.bfloat16) })
    }
    let products = try projections(given.input, weights: [weight(given.weights[0])])
    let addition = try LowRankAddition(down: weight(given.down), up: weight(given.up), scale: 1.5)
    let value = try addLowRank(addition, of: given.input, to: products)
    #expect(value.dtype == .bfloat16)
    let gradients = try given.gradients(of: value.to(.float32))
    let exact = try projections(given.input, weights: [Weight(given.weights[0])])
    let expected = try given.gradients(of: addLowRank(given.addition(), of: given.input, to: exact))
    for (found, expected) in zip(gradients, expected) {
      #expect(found.dtype == .float32)
      #expect(try difference(found, expected) < 0.03)
    }
  }

  @Test("Dropout drops its part, the same elements for the same key, and others in another addition")
  func dropout() throws {
    let rows = 300
    let input = try Tensor.ones([rows, Self.size], dtype: .float64)
    let identity = try Weight(
      Tensor.arange(0..<Self.size).unsqueeze(0).equal(Tensor.arange(0..<Self.size).unsqueeze(1)).to(.float64))
    func dropped(key: Int, stream: Int, dtype: DType = .float64) throws -> Tensor {
      let addition = LowRankAddition(
        down: identity, up: identity, scale: 1,
        dropout: .init(probability: 0.25, key: try Tensor([key]), stream: stream))
      return try addLowRank(addition, of: input, to: .zeros([rows, Self.size], dtype: .float64))
    }
    let once = try dropped(key: 7, stream: 1)
    let values = try once.array(Double.self)
    let share = Double(values.count { $0 == 0 }) / Double(values.count)
    #expect(abs(share - 0.25) < 0.02)
    #expect(values.allSatisfy { $0 == 0 || abs($0 - 1 / 0.75) < 1e-12 })
    #expect(try dropped(key: 7, stream: 1).array(Double.self) == values)
    for other in [try dropped(key: 8, stream: 1), try dropped(key: 7, stream: 2)] {
      let same = zip(try other.array(Double.self), values).count { $0 == $1 }
      // Independent draws agree in 0.75² + 0.25² of the places.
      #expect(abs(Double(same) / Double(values.count) - 0.625) < 0.03)
    }
  }

  @Test("The backward pass drops the same elements, whichever operators run")
  func dropoutGradients() throws {
    for dtype in [DType.float32, .bfloat16] {
      let input = try Tensor.ones([50, Self.size]).to(dtype)
      try input.setRequiresGrad(true)
      let (down, up) = try (
        variable([2, Self.size], seed: 1, dtype: .float32), variable([5, 2], seed: 2, dtype: .float32)
      )
      let addition = LowRankAddition(
        down: Weight(down, copy: dtype == .float32 ? nil : try withoutGrad { try down.detached().to(dtype) }),
        up: Weight(up, copy: dtype == .float32 ? nil : try withoutGrad { try up.detached().to(dtype) }),
        scale: 1, dropout: .init(probability: 0.5, key: try Tensor([3]), stream: 0))
      let value = try addLowRank(addition, of: input, to: Tensor.zeros([50, 5]).to(dtype))
      try value.to(.float32).sum().backward()
      // An input that was dropped has no gradient, and with the others the sum of the row of A over them.
      let gradient = try #require(try input.gradient()).to(.float32)
      let row = try up.detached().sum(0).unsqueeze(0).matmul(down.detached()) * 2
      let kept = try gradient.notEqual(Tensor.zeros([1])).to(.float32)
      #expect(abs(try kept.mean().item() - 0.5) < 0.1)
      #expect(try difference(gradient, kept * row) < (dtype == .float32 ? 1e-5 : 0.05))
      let sum = try #require(try down.gradient())
      let expected = try up.detached().sum(0).unsqueeze(1) * kept.sum(0).unsqueeze(0) * 2
      #expect(try difference(sum, expected) / max(1, expected.abs().max().item()) < (dtype == .float32 ? 1e-5 : 0.05))
    }
  }

  @Test("Shapes that do not fit are refused")
  func refusals() throws {
    let given = try Inputs(.float32)
    let products = try projections(given.input.detached(), weights: [Weight(given.weights[0])])
    #expect(throws: TorchError.self) {
      try addLowRank(given.addition(), of: given.input, to: products, column: 1)
    }
    #expect(throws: TorchError.self) {
      try addLowRank(
        LowRankAddition(down: Weight(given.up), up: Weight(given.up), scale: 1), of: given.input, to: products)
    }
  }
}
