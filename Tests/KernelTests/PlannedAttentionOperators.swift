import Torch

extension Operators {
  static func tokenCount(_ trees: Trees) -> Int { trees.reduce(0) { $0 + $1.count } }

  /// The trees as sequences of a new plan.
  static func planned(_ trees: Trees, queries: Int, keys: Int, size: Int) -> Operator {
    let heads = HeadLayout(queries: queries, keys: keys, values: keys, size: size)
    return Operator(
      testDescription: "planned attention over \(trees), \(queries) and \(keys) heads of \(size)",
      shapes: [[tokenCount(trees), (queries + 2 * keys) * size]],
      fused: { try treeAttention($0[0], plan: TreePlan(trees), heads: heads, scale: 0.3) },
      plain: { try plainAttention($0[0], trees, heads, scale: 0.3) })
  }

  /// The trees in a plan of larger capacity that held others before.
  static func refilled(_ trees: Trees, queries: Int, keys: Int, size: Int) -> Operator {
    let heads = HeadLayout(queries: queries, keys: keys, values: keys, size: size)
    return Operator(
      testDescription: "attention by a refilled plan over \(trees), \(queries) and \(keys) heads of \(size)",
      shapes: [[tokenCount(trees), (queries + 2 * keys) * size]],
      fused: { try treeAttention($0[0], plan: refilledPlan(trees), heads: heads, scale: 0.3) },
      plain: { try plainAttention($0[0], trees, heads, scale: 0.3) })
  }

  static func refilledPlan(_ trees: Trees, device: Device = .cpu) throws -> TreePlan {
    let tokens = tokenCount(trees)
    let plan = try TreePlan(
      [tree(tokens - tokens / 2, tokens / 2, 0)],
      capacity: TreePlan.Capacity(
        tokens: tokens, keyRows: 7 * tokens + 3, sequences: 7 * trees.count + 5, longestQueries: tokens,
        longestKeys: tokens, copies: 6),
      device: device)
    try plan.update(trees)
    return plan
  }
}
