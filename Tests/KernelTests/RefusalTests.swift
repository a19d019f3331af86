import Testing
import Torch

@Suite("Refused arguments")
struct RefusalTests {
  @Test("Shapes that do not match are errors that name them")
  func shapes() throws {
    let rows = try variable([4, 6], seed: 1)
    func refuses(_ words: String, _ body: () throws -> Void) {
      let error = #expect(throws: TorchError.self) { try body() }
      #expect(error?.reason.contains(words) == true, "\(error?.description ?? "no error")")
    }
    refuses("do not fit a norm") { _ = try rowRMSNorm(rows, weight: variable([5], seed: 2), epsilon: 1e-5) }
    refuses("differ in shape") {
      _ = try addThenRMSNorm(rows, variable([3, 6], seed: 2), weight: variable([6], seed: 3), epsilon: 1e-5)
    }
    refuses("do not fit a weight") { _ = try projections(rows, weights: [Weight(variable([2, 5], seed: 2))]) }
    refuses("one to three weights") { _ = try projections(rows, weights: []) }
    refuses("do not fit a weight") { _ = try swiGLUProjection(rows, weight: Weight(variable([2, 6], seed: 2))) }
    let heads = HeadLayout(queries: 1, keys: 1, values: 1, size: 2)
    refuses("do not cover") { _ = try treeAttention(rows, trees: [tree(1, 1, 1)], heads: heads, scale: 1) }
    refuses("no token") {
      _ = try treeAttention(
        rows.narrow(1, 0, 4), queries: (rows.narrow(1, 0, 2), Tensor([0, 1, 2, 4])), trees: [tree(4, 0, 0)],
        heads: heads,
        scale: 1)
    }
    refuses("outside a vocabulary") {
      _ = try logProbabilities(
        rows, weight: Weight(variable([9, 6], seed: 2)), targets: Tensor([0, 1, 9, 2]), keepsLogits: true)
    }
  }
}
