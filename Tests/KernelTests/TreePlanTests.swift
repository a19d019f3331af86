import Testing
import Torch

@Suite("Trees as sequences of a plan")
struct TreePlanTests {
  private static let heads = HeadLayout(queries: 1, keys: 1, values: 1, size: 2)

  @Test(
    "The capacity that trees need: a sequence of prefix and first branch, and one of each further branch over the prefix"
  )
  func sizes() throws {
    func size(_ trees: [Tree]) throws -> [Int] {
      let size = try TreePlan.Capacity(for: trees)
      return [
        size.tokens, size.keyRows, size.sequences, size.longestQueries, size.longestKeys, size.copies,
      ]
    }
    #expect(try size([]) == [0, 0, 0, 0, 0, 0])
    #expect(try size([tree(3, 2, 4)]) == [9, 12, 2, 5, 7, 1])
    #expect(try size([tree(3), tree(0, 2, 0), tree(0, 0, 4)]) == [9, 9, 3, 4, 4, 0])
    #expect(try size([tree(5, 1, 1), tree(1, 9, 2)]) == [19, 25, 4, 10, 10, 1])
    #expect(try size([tree(5, 1, 0, 2, 6, 1)]) == [15, 30, 4, 6, 11, 3])
    #expect(throws: TorchError.self) { try size([tree(3, -1, 4)]) }
  }

  @Test("Trees that exceed a plan's capacity are refused, and the plan keeps its trees")
  func refusals() throws {
    let plan = try TreePlan([tree(3, 2, 4)])
    func refuses(_ words: String, _ body: () throws -> Void) {
      let error = #expect(throws: TorchError.self) { try body() }
      #expect(error?.reason.contains(words) == true, "\(error?.description ?? "no error")")
    }
    refuses("do not cover") { try plan.update([tree(3, 2, 3)]) }
    refuses("sequences") { try plan.update([tree(3, 2, 3), tree(1, 0, 0)]) }
    refuses("key rows") { try plan.update([tree(4, 1, 4)]) }
    refuses("longest queries") { try plan.update([tree(9, 0, 0)]) }
    refuses("longest keys") {
      _ = try TreePlan(
        [tree(3, 2, 4)],
        capacity: TreePlan.Capacity(tokens: 9, keyRows: 12, sequences: 2, longestQueries: 5, longestKeys: 6))
    }
    refuses("does not cover") {
      _ = try treeAttention(variable([8, 6], seed: 1), plan: plan, heads: Self.heads, scale: 1)
    }
    refuses("do not hold") {
      _ = try treeAttention(variable([9, 5], seed: 1), plan: plan, heads: Self.heads, scale: 1)
    }
    let packed = try variable([9, 6], seed: 1)
    let found = try treeAttention(packed, plan: plan, heads: Self.heads, scale: 1)
    let expected = try treeAttention(packed, trees: [tree(3, 2, 4)], heads: Self.heads, scale: 1)
    #expect(try difference(found, expected) < 1e-12)
  }

  @Test("A plan that is refilled between the passes is an error")
  func filledTooSoon() throws {
    let plan = try TreePlan([tree(3, 2, 4)])
    let result = try treeAttention(variable([9, 6], seed: 1), plan: plan, heads: Self.heads, scale: 1)
    try plan.update([tree(2, 3, 4)])
    #expect(throws: TorchError.self) { try result.sum().backward() }
  }

  @Test("A plan without trees")
  func nothing() throws {
    let plan = try TreePlan([])
    let none = try treeAttention(Tensor.zeros([0, 6]), plan: plan, heads: Self.heads, scale: 1)
    #expect(none.shape == [0, 2])
  }
}
