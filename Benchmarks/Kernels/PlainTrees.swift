import Torch

/// Attention over trees of one shape by LibTorch's kernel: prefix and chosen tail causally, the rejected tail with a mask over
/// copies of its keys.
struct PlainTrees {
  let count: Int
  let lengths: [Tree]
  private let mask: Tensor

  var tokens: Int { lengths.reduce(0) { $0 + $1.count } }

  init(count: Int, prefix: Int, chosen: Int, rejected: Int) throws {
    self.count = count
    lengths = [Tree](repeating: Tree(prefix: prefix, branches: [chosen, rejected]), count: count)
    let seen = try Tensor.ones([rejected, prefix + rejected], dtype: .bool).lowerTriangle(diagonal: prefix)
    mask = try Tensor.zeros([rejected, prefix + rejected]).maskedFill(seen.logicalNot(), -.infinity)
  }

  /// 8 query heads and 4 key and value heads of 96.
  func attend(_ packed: Tensor) throws -> Tensor {
    func heads(_ x: Tensor) throws -> Tensor { try x.transpose(0, 1).unsqueeze(0) }
    let query = try packed.narrow(1, 0, 768).view([tokens, 8, 96])
    let key = try packed.narrow(1, 768, 384).view([tokens, 4, 96])
    let value = try packed.narrow(1, 1152, 384).view([tokens, 4, 96])
    var outputs: [Tensor] = []
    var start = 0
    for tree in lengths {
      let (trunk, rejected) = (tree.prefix + tree.branches[0], tree.branches[1])
      func seen(_ x: Tensor) throws -> Tensor {
        try Tensor.concatenate([x.narrow(0, start, tree.prefix), x.narrow(0, start + trunk, rejected)])
      }
      outputs.append(
        try scaledDotProductAttention(
          query: heads(query.narrow(0, start, trunk)), key: heads(key.narrow(0, start, trunk)),
          value: heads(value.narrow(0, start, trunk)), causal: true, scale: 0.102))
      outputs.append(
        try scaledDotProductAttention(
          query: heads(query.narrow(0, start + trunk, rejected)), key: heads(seen(key)), value: heads(seen(value)),
          mask: mask, scale: 0.102))
      start += trunk + rejected
    }
    return try Tensor.concatenate(outputs.map { try $0.squeeze(0).transpose(0, 1) }).reshape([tokens, 768])
  }
}
