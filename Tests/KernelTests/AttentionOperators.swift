import Torch

extension Operators {
  /// Trees of odd lengths: without prefix, without branches, with empty ones and with many, of one token, longer than a
  /// block of queries.
  static let attentions = [
    [tree(1, 0, 0)], [tree(0, 1, 1)], [tree(1, 1, 1)], [tree(3, 0, 2)], [tree(3, 2, 0)], [tree(0, 3, 4)],
    [tree(7, 5, 9), tree(1, 0, 0), tree(0, 2, 0), tree(4, 3, 3)],
    [tree(70, 65, 3)], [tree(5, 66, 130), tree(64, 64, 64)],
    [tree(3)], [tree(2, 4)], [tree(4, 2, 1, 3)], [tree(3, 0, 0, 2, 0, 1), tree(0, 1, 2, 3)],
    [tree(9, 5, 66, 1, 4, 70, 2), tree(5), tree(3, 2, 2, 2)],
  ].flatMap { trees in
    [(1, 1, 4), (4, 2, 6), (3, 3, 5)].flatMap { queries, keys, size in
      [
        attention(trees, queries: queries, keys: keys, size: size),
        someAsking(trees, queries: queries, keys: keys, size: size),
        planned(trees, queries: queries, keys: keys, size: size),
        refilled(trees, queries: queries, keys: keys, size: size),
      ]
    }
  }

  typealias Trees = [Tree]

  private static func attention(_ trees: Trees, queries: Int, keys: Int, size: Int) -> Operator {
    let tokens = trees.reduce(0) { $0 + $1.count }
    let heads = HeadLayout(queries: queries, keys: keys, values: keys, size: size)
    return Operator(
      testDescription: "attention over \(trees), \(queries) and \(keys) heads of \(size)",
      shapes: [[tokens, (queries + 2 * keys) * size]],
      fused: { try treeAttention($0[0], trees: trees, heads: heads, scale: 0.3) },
      plain: { try plainAttention($0[0], trees, heads, scale: 0.3) })
  }

  /// Queries of every third token, last ones first, one of them twice.
  private static func someAsking(_ trees: Trees, queries: Int, keys: Int, size: Int) -> Operator {
    let tokens = trees.reduce(0) { $0 + $1.count }
    let heads = HeadLayout(queries: queries, keys: keys, values: keys, size: size)
    let rows = stride(from: tokens - 1, through: 0, by: -3) + [tokens - 1]
    return Operator(
      testDescription: "attention of some tokens over \(trees), \(queries) and \(keys) heads of \(size)",
      shapes: [[rows.count, queries * size], [tokens, 2 * keys * size]],
      fused: { try treeAttention($0[1], queries: ($0[0], Tensor(rows)), trees: trees, heads: heads, scale: 0.3) },
      plain: { variables in
        // Each query separately: in the row of its token, with zeros in all others.
        let results = try rows.enumerated().map { number, row in
          let placed = try Tensor.zeros([tokens, queries * size], dtype: variables[0].dtype)
            .indexAdd(0, Tensor([row]), variables[0].narrow(0, number, 1))
          let packed = try Tensor.concatenate([placed, variables[1]], dim: 1)
          return try plainAttention(packed, trees, heads, scale: 0.3).narrow(0, row, 1)
        }
        return try Tensor.concatenate(results)
      })
  }

  /// By a mask and softmax.
  static func plainAttention(_ packed: Tensor, _ trees: Trees, _ heads: HeadLayout, scale: Double) throws
    -> Tensor
  {
    let tokens = try packed.size(0)
    var sees = [Double](repeating: 0, count: tokens * tokens)
    var start = 0
    for tree in trees {
      // The branch of each token, 0 for the prefix.
      let branches =
        [Int](repeating: 0, count: tree.prefix)
        + tree.branches.enumerated().flatMap { [Int](repeating: 1 + $0, count: $1) }
      for query in branches.indices {
        for key in 0...query where branches[key] == 0 || branches[key] == branches[query] {
          sees[(start + query) * tokens + start + key] = 1
        }
      }
      start += tree.count
    }
    let hidden = try Tensor(sees, shape: [tokens, tokens]).equal(0)
    var outputs: [Tensor] = []
    for head in 0..<heads.queries {
      let keyHead = head / (heads.queries / heads.keys)
      func part(_ place: Int) throws -> Tensor { try packed.narrow(1, place * heads.size, heads.size) }
      let scores = try part(head).matmul(part(heads.queries + keyHead).transpose(0, 1)).multiply(scale)
      outputs.append(
        try scores.maskedFill(hidden, -.infinity).softmax(1).matmul(part(heads.queries + heads.keys + keyHead)))
    }
    return try Tensor.concatenate(outputs, dim: 1)
  }
}

func tree(_ prefix: Int, _ branches: Int...) -> Tree { Tree(prefix: prefix, branches: branches) }
