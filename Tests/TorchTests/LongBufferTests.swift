import Testing
import Torch

/// Reductions over as many float32 elements as a MiniMind model has weights. A float32 sum stops growing when the next
/// element is below half a unit in its last place, so elements here are positive.
@Suite("Reductions over 64 M elements", .serialized) struct LongBufferTests {
  static let count = 64 << 20

  /// Uniform in 0.5 ..< 1.5.
  static func elements() throws -> Tensor {
    let x = try Tensor.empty([count])
    try x.fillUniform(low: 0.5, high: 1.5, from: Generator(seed: 1))
    return x
  }

  /// The float64 sum of the body's results for each million elements.
  static func exactSum(_ x: Tensor, _ body: (Tensor) throws -> Tensor) throws -> Double {
    let part = 1 << 20
    return try stride(from: 0, to: count, by: part).reduce(0) { sum, first in
      try sum + body(x.narrow(0, first, part).to(.float64)).sum().item()
    }
  }

  @Test("Reductions agree with float64")
  func float64() throws {
    let x = try Self.elements()
    let squares = try Self.exactSum(x) { try $0.multiply($0) }
    #expect(try abs(sumOfSquares([x]).item() / squares - 1) < 1e-12)
    #expect(try abs(x.norm().item() / squares.squareRoot() - 1) < 1e-7)

    let sum = try Self.exactSum(x) { $0 }
    #expect(try abs(x.sum().item() / sum - 1) < 1e-6)
    #expect(try abs(x.mean().item() / (sum / Double(Self.count)) - 1) < 1e-6)
    #expect(try abs(x.view([8, Self.count / 8]).sum(1).to(.float64).sum().item() / sum - 1) < 1e-6)
  }

  @Test("Squares over slices add up to those of the whole buffer")
  func slices() throws {
    let x = try Self.elements()
    let whole = try sumOfSquares([x]).item()
    // With ZeRO-1, each rank has a slice of every bucket.
    let slices = try [0..<7, 7..<1_000_003, 1_000_003..<Self.count].map { try x.narrow(0, $0.lowerBound, $0.count) }
    #expect(try abs(sumOfSquares(slices).item() / whole - 1) < 1e-12)
    #expect(try abs(slices.map { try sumOfSquares([$0]).item() }.reduce(0, +) / whole - 1) < 1e-12)
    // Rows that are not adjacent in memory.
    let gaps = try x.view([Self.count / 4, 4]).narrow(1, 1, 2)
    let expected = try Self.exactSum(x) { x in
      let middle = try x.view([x.count / 4, 4]).narrow(1, 1, 2)
      return try middle.multiply(middle)
    }
    #expect(try abs(sumOfSquares([gaps]).item() / expected - 1) < 1e-12)
  }

  @Test("Every element is counted")
  func counts() throws {
    let x = try Self.elements()
    let y = try x.clone()
    try y.narrow(0, 12345, 1000).fillInPlace(0)
    #expect(try x.notEqual(y).sum().intItem() == 1000)
    #expect(try x.equal(y).sum().intItem() == Self.count - 1000)
  }
}
