import Torch

/// The fused operators compared with plain ones at MiniMind-3's shapes, forward and backward, with gradients that are already
/// allocated.
struct Comparisons {
  let tokens: Int
  private let generator: Generator

  init(tokens: Int) throws {
    self.tokens = tokens
    generator = try Generator(seed: 1)
  }

  func all() throws -> [Comparison] {
    [
      try addition(), try rotation(), try weightGradients(), try feedForward(), try attention(), try head(keeps: true),
      try head(keeps: false), try statistics(), try table(),
    ]
  }

  private func data(_ shape: Int...) throws -> Tensor {
    let tensor = try Tensor.empty(shape)
    try tensor.fillNormal(deviation: 0.1, from: generator)
    return tensor
  }

  /// A leaf whose gradient is already allocated, like a parameter in training.
  private func parameter(_ shape: Int...) throws -> Tensor {
    let tensor = try Tensor.empty(shape)
    try tensor.fillNormal(deviation: 0.02, from: generator)
    try tensor.setRequiresGrad(true)
    try tensor.setGradient(.zeros(shape))
    return tensor
  }

  /// A leaf whose gradient is allocated each time, like the result of another operator.
  private func activation(_ shape: Int...) throws -> Tensor {
    let tensor = try Tensor.empty(shape)
    try tensor.fillNormal(deviation: 0.1, from: generator)
    try tensor.setRequiresGrad(true)
    return tensor
  }

  private func compare(
    _ name: String, _ shape: String, _ activations: [Tensor], gradient: Tensor,
    before: @escaping () throws -> Tensor, after: @escaping () throws -> Tensor
  ) -> Comparison {
    func run(_ body: () throws -> Tensor) throws {
      for activation in activations { try activation.setGradient(nil) }
      try body().backward(gradient)
    }
    return Comparison(name: name, shape: shape, before: { try run(before) }, after: { try run(after) })
  }

  private func addition() throws -> Comparison {
    let (x, delta, weight) = (try activation(tokens, 768), try activation(tokens, 768), try parameter(768))
    return compare(
      "addition and norm", "[\(tokens), 768]", [x, delta], gradient: try data(2 * tokens, 768),
      before: {
        let sum = try x.add(delta)
        return try Tensor.concatenate([sum, rmsNorm(sum, weight: weight, epsilon: 1e-6)])
      },
      after: {
        let (sum, normed) = try addThenRMSNorm(x, delta, weight: weight, epsilon: 1e-6)
        return try Tensor.concatenate([sum, normed])
      })
  }

  private func rotation() throws -> Comparison {
    let packed = try activation(tokens, 1536)
    let (queryNorm, keyNorm) = (try parameter(96), try parameter(96))
    let (cosines, sines) = (try data(tokens, 48).cos(), try data(tokens, 48).sin())
    let (wideCosines, wideSines) = (
      try Tensor.concatenate([cosines, cosines], dim: 1).unsqueeze(1),
      try Tensor.concatenate([sines, sines], dim: 1).unsqueeze(1)
    )
    func rotate(_ x: Tensor) throws -> Tensor {
      let turned = try Tensor.concatenate([x.narrow(-1, 48, 48).negated(), x.narrow(-1, 0, 48)], dim: -1)
      return try x.multiply(wideCosines).add(turned.multiply(wideSines))
    }
    return compare(
      "norm and rotation of heads", "[\(tokens), 8 + 4 + 4 heads of 96]", [packed], gradient: try data(tokens, 1536),
      before: {
        let query = try rmsNorm(packed.narrow(1, 0, 768).reshape([tokens, 8, 96]), weight: queryNorm, epsilon: 1e-6)
        let key = try rmsNorm(packed.narrow(1, 768, 384).reshape([tokens, 4, 96]), weight: keyNorm, epsilon: 1e-6)
        return try Tensor.concatenate(
          [rotate(query).reshape([tokens, -1]), rotate(key).reshape([tokens, -1]), packed.narrow(1, 1152, 384)], dim: 1)
      },
      after: {
        try rotatedHeads(
          packed, HeadLayout(queries: 8, keys: 4, values: 4, size: 96), queryNorm: queryNorm, keyNorm: keyNorm,
          epsilon: 1e-6, cosines: cosines, sines: sines)
      })
  }

  private func weightGradients() throws -> Comparison {
    let (x, weight) = (try activation(tokens, 768), try parameter(768, 768))
    return compare(
      "matmul, gradient in place", "[\(tokens), 768] by [768, 768]", [x], gradient: try data(tokens, 768),
      before: { try linear(x, weight: weight) }, after: { try projections(x, weights: [Weight(weight)]) })
  }

  private func feedForward() throws -> Comparison {
    let x = try activation(tokens, 768)
    let (gate, up, down) = (try parameter(2432, 768), try parameter(2432, 768), try parameter(768, 2432))
    return compare(
      "feed-forward network with SwiGLU", "[\(tokens), 768], inner 2432", [x], gradient: try data(tokens, 768),
      before: { try linear(linear(x, weight: gate).silu().multiply(linear(x, weight: up)), weight: down) },
      after: { try swiGLUProjection(projections(x, weights: [Weight(gate), Weight(up)]), weight: Weight(down)) })
  }

  private func attention() throws -> Comparison {
    let trees = try PlainTrees(count: max(1, tokens / 640), prefix: 256, chosen: 192, rejected: 192)
    let packed = try activation(trees.tokens, 1536)
    return compare(
      "attention over trees", "\(trees.count) × (256 + 192 + 192), 8 of 4 heads of 96", [packed],
      gradient: try data(trees.tokens, 768), before: { try trees.attend(packed) },
      after: {
        try treeAttention(
          packed, trees: trees.lengths, heads: HeadLayout(queries: 8, keys: 4, values: 4, size: 96), scale: 0.102)
      })
  }

  private func head(keeps: Bool) throws -> Comparison {
    let rows = tokens * 3 / 5
    let (hidden, weight) = (try activation(rows, 768), try parameter(6400, 768))
    let targets = try Tensor((0..<rows).map { $0 * 7919 % 6400 })
    return compare(
      "log-probabilities, logits \(keeps ? "kept" : "computed again")", "[\(rows), 768] by [6400, 768]", [hidden],
      gradient: try data(rows),
      before: {
        let scores = try linear(hidden, weight: weight)
        return try scores.gather(1, targets.unsqueeze(1)).squeeze(1).subtract(scores.logSumExp(1))
      },
      after: { try logProbabilities(hidden, weight: Weight(weight), targets: targets, keepsLogits: keeps) })
  }

  private func statistics() throws -> Comparison {
    let rows = tokens * 3 / 5
    let (hidden, weight) = (try activation(rows, 768), try parameter(6400, 768))
    let targets = try Tensor((0..<rows).map { $0 * 7919 % 6400 })
    return compare(
      "log-probabilities, with and without entropy and the like", "[\(rows), 768] by [6400, 768]", [hidden],
      gradient: try data(rows),
      before: {
        try tokenPredictions(hidden, weight: Weight(weight), targets: targets, keepsLogits: true).logProbabilities
      },
      after: { try logProbabilities(hidden, weight: Weight(weight), targets: targets, keepsLogits: true) })
  }

  private func table() throws -> Comparison {
    let weight = try parameter(6400, 768)
    let index = try Tensor((0..<tokens).map { $0 * 7919 % 6400 })
    return compare(
      "embedding", "\(tokens) rows of [6400, 768]", [], gradient: try data(tokens, 768),
      before: { try embedding(index, weight: weight) }, after: { try embeddingRows(index, weight: weight) })
  }
}
