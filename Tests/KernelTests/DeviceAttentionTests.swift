import Testing
import Torch

@Suite("Attention on a CUDA device", .enabled(if: Runtime.cudaDeviceCount > 0, "no CUDA device"))
struct DeviceAttentionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var trees: Operators.Trees
    var heads: HeadLayout
    var testDescription: String { "\(trees), \(heads.queries) and \(heads.keys) heads of \(heads.size)" }
  }

  /// Trees of odd lengths, longer than blocks of queries and keys; heads shared or not, of sizes that the kernels
  /// support and of others.
  static let cases = [
    [tree(1, 0, 0)], [tree(0, 1, 1)], [tree(1, 1, 1), tree(0, 0, 1)], [tree(3, 0, 2)],
    [tree(7, 5, 9), tree(1, 0, 0), tree(0, 2, 0), tree(4, 3, 3)],
    [tree(70, 65, 3)], [tree(5, 66, 130), tree(64, 64, 64)], [tree(300, 129, 257), tree(0, 128, 0), tree(1, 0, 511)],
  ].flatMap { trees in
    [(1, 1, 4), (4, 2, 6), (3, 3, 5), (8, 4, 96), (4, 1, 64), (2, 2, 128)].map { queries, keys, size in
      Case(trees: trees, heads: HeadLayout(queries: queries, keys: keys, values: keys, size: size))
    }
  }

  /// bfloat16 has 8 and float16 11 significant bits; results of the kernels, gradients, and attention weights before they
  /// multiply values are rounded to them.
  static let tolerances: [(DType, Double)] = [(.bfloat16, 2e-2), (.float16, 3e-3), (.float32, 1e-4), (.float64, 1e-11)]

  @Test("Values and gradients are those of the CPU, for new and for refilled plans", arguments: cases)
  func sameAsCPU(_ example: Case) throws {
    let (trees, heads) = (example.trees, example.heads)
    let shape = [Operators.tokenCount(trees), (heads.queries + 2 * heads.keys) * heads.size]
    let scale = 1 / Double(heads.size).squareRoot()
    let hasBFloat16 = try CUDA.properties(of: 0).hasBFloat16
    for (dtype, tolerance) in Self.tolerances where dtype != .bfloat16 || hasBFloat16 {
      // Numbers that all types represent exactly.
      let exact = try withoutGrad { try variable(shape, seed: 3).to(.bfloat16).to(.float64) }
      let expected = try Operator.evaluate(
        { try treeAttention($0[0], trees: trees, heads: heads, scale: scale) }, [try copy(of: exact)])
      for isRefilled in [false, true] {
        let plan =
          try isRefilled
          ? Operators.refilledPlan(trees, device: .cuda(0)) : TreePlan(trees, device: .cuda(0))
        let packed = try copy(of: exact.to(dtype).to(device: .cuda(0)))
        let value = try treeAttention(packed, plan: plan, heads: heads, scale: scale)
        #expect(value.dtype == dtype && value.device == .cuda(0))
        try Operator.weighted(value.to(device: .cpu).to(.float64)).backward()
        let gradient = try #require(try packed.gradient())
        let found = try value.detached().to(device: .cpu).to(.float64)
        #expect(try difference(found, expected.value) < tolerance, "\(dtype)")
        #expect(
          try difference(gradient.to(device: .cpu).to(.float64), expected.gradients[0]) < tolerance, "\(dtype)")
      }
    }
  }

  private func copy(of tensor: Tensor) throws -> Tensor {
    let copy = try tensor.detached()
    try copy.setRequiresGrad(true)
    return copy
  }
}
