import OrderedJSON
import Testing
import Torch

@Suite("Generators") struct GeneratorTests {
  /// Tools/reference/torch_operators.py wrote the numbers of `torch.Generator().manual_seed`.
  @Test("The same seed gives PyTorch's numbers")
  func sameAsPyTorch() throws {
    for golden in try #require(Goldens.load()["generators"]?.array) {
      let generator = try Generator(seed: UInt64(#require(golden["seed"]?.int)))
      let normal = try GoldenTensor(golden["normal"])
      let uniform = try GoldenTensor(golden["uniform"])
      let drawn = try Tensor.empty(normal.shape)
      try drawn.fillNormal(mean: 1, deviation: 2, from: generator)
      try expectClose(drawn, normal)  // each instruction set has its own logarithm and cosine
      try drawn.fillUniform(low: -1, high: 3, from: generator)
      #expect(try drawn.array(Float.self) == uniform.values.map(Float.init))
    }
  }

  @Test("Numbers repeat with the same seed, and only then")
  func seeds() throws {
    #expect(try numbers(Generator(seed: 5)) == numbers(Generator(seed: 5)))
    #expect(try numbers(Generator(seed: 5)) != numbers(Generator(seed: 6)))
    #expect(try numbers(Generator(seed: .max)) == numbers(Generator(seed: .max)))
  }

  @Test("A saved state continues bit for bit")
  func savedState() throws {
    let generator = try Generator(seed: 7)
    _ = try numbers(generator)
    let state = try generator.state()
    let bytes = try state.array(UInt8.self)
    let expected = try numbers(generator)
    #expect(try numbers(generator) != expected)
    try generator.restore(state)
    #expect(try numbers(generator) == expected)
    // As in another process: the bytes are the whole state.
    let other = try Generator(seed: 0)
    try other.restore(Tensor(bytes))
    #expect(try numbers(other) == expected)
  }

  @Test("Samples follow the probabilities, without repetition")
  func sampling() throws {
    let generator = try Generator(seed: 3)
    let places = try Tensor([0, 0.7, 0, 0.3]).sample(2, from: generator)
    #expect(places.dtype == .int64)
    #expect(try Set(places.array(Int.self)) == [1, 3])
    let drawn = try (0..<200).map { _ in try Tensor([0.9, 0.1]).sample(1, from: generator).intItem() }
    #expect((150...199).contains(drawn.count { $0 == 0 }))
  }

  /// An odd number of normal draws first: a half-used pair is part of the state.
  private func numbers(_ generator: Generator) throws -> [Double] {
    let few = try Tensor.empty([3], dtype: .float64)
    try few.fillNormal(from: generator)
    let many = try Tensor.empty([20], dtype: .float64)
    try many.fillUniform(from: generator)
    return try few.array(Double.self) + many.array(Double.self)
  }
}
