import Torch

/// Every fused operator, with shapes that are not multiples of vectors, blocks or threads.
enum Operators {
  static let all = norms + projectionsOfRows + rotations + attentions + heads + tables

  static let norms = [[1, 1], [1, 96], [5, 7], [40, 33], [33, 768]].flatMap { shape in
    let size = shape[1]
    return [
      Operator(
        testDescription: "norm of \(shape)", shapes: [shape, [size]],
        fused: { try rowRMSNorm($0[0], weight: $0[1], epsilon: 1e-5) },
        plain: { try rmsNorm($0[0], weight: $0[1], epsilon: 1e-5) }),
      Operator(
        testDescription: "sum and norm of \(shape)", shapes: [shape, shape, [size]],
        fused: {
          let (sum, normed) = try addThenRMSNorm($0[0], $0[1], weight: $0[2], epsilon: 1e-5)
          return try Tensor.concatenate([sum, normed.multiply(2)])
        },
        plain: {
          let sum = try $0[0].add($0[1])
          return try Tensor.concatenate([sum, rmsNorm(sum, weight: $0[2], epsilon: 1e-5).multiply(2)])
        }),
      Operator(
        testDescription: "norm of a sum of \(shape), the sum unused", shapes: [shape, shape, [size]],
        fused: { try addThenRMSNorm($0[0], $0[1], weight: $0[2], epsilon: 1e-5).normed },
        plain: { try rmsNorm($0[0].add($0[1]), weight: $0[2], epsilon: 1e-5) }),
      Operator(
        testDescription: "sum of \(shape), the norm unused", shapes: [shape, shape, [size]],
        fused: { try addThenRMSNorm($0[0], $0[1], weight: $0[2], epsilon: 1e-5).sum },
        plain: { try $0[0].add($0[1]) }),
    ]
  }

  static let projectionsOfRows =
    [(1, 1, [1]), (3, 5, [7, 2]), (17, 33, [16, 9, 9]), (40, 96, [64, 31])].map {
      rows, size, widths in
      Operator(
        testDescription: "products of [\(rows), \(size)] with \(widths)",
        shapes: [[rows, size]] + widths.map { [$0, size] },
        fused: { try projections($0[0], weights: $0[1...].map { Weight($0) }) },
        plain: { variables in
          try Tensor.concatenate(variables[1...].map { try linear(variables[0], weight: $0) }, dim: 1)
        })
    }
    + [(1, 1, 1), (3, 5, 2), (33, 50, 17), (40, 128, 96)].map { rows, inner, out in
      Operator(
        testDescription: "SwiGLU of [\(rows), \(inner)] to \(out)", shapes: [[rows, 2 * inner], [out, inner]],
        fused: { try swiGLUProjection($0[0], weight: Weight($0[1])) },
        plain: {
          try linear($0[0].narrow(1, 0, inner).silu().multiply($0[0].narrow(1, inner, inner)), weight: $0[1])
        })
    }

  static let rotations = [
    (1, 1, 1, 1, 2), (5, 3, 1, 2, 6), (40, 4, 2, 2, 24), (33, 8, 4, 4, 96), (7, 2, 0, 0, 8), (7, 0, 2, 2, 8),
  ]
  .flatMap { rows, queries, keys, values, size in
    let layout = HeadLayout(queries: queries, keys: keys, values: values, size: size)
    let width = (queries + keys + values) * size
    return [true, false].map { hasNorm in
      Operator(
        testDescription:
          "\(queries)+\(keys)+\(values) heads of \(size) in \(rows) rows, \(hasNorm ? "" : "not ")normalized",
        shapes: [[rows, width]] + (hasNorm ? [[size], [size]] : []),
        fused: { variables in
          let (cosines, sines) = try tables(rows: rows, size: size, dtype: variables[0].dtype)
          return try rotatedHeads(
            variables[0], layout, queryNorm: hasNorm ? variables[1] : nil, keyNorm: hasNorm ? variables[2] : nil,
            epsilon: 1e-6, cosines: cosines, sines: sines)
        },
        plain: { variables in
          let (cosines, sines) = try tables(rows: rows, size: size, dtype: variables[0].dtype)
          var parts: [Tensor] = []
          for (first, count, norm) in [(0, queries, 1), (queries, keys, 2)] where count > 0 {
            var part = try variables[0].narrow(1, first * size, count * size).reshape([rows, count, size])
            if hasNorm { part = try rmsNorm(part, weight: variables[norm], epsilon: 1e-6) }
            let (one, two) = (try part.narrow(2, 0, size / 2), try part.narrow(2, size / 2, size / 2))
            let (c, s) = (try cosines.unsqueeze(1), try sines.unsqueeze(1))
            let turned = try Tensor.concatenate(
              [one.multiply(c).subtract(two.multiply(s)), two.multiply(c).add(one.multiply(s))], dim: 2)
            parts.append(try turned.reshape([rows, -1]))
          }
          parts.append(try variables[0].narrow(1, (queries + keys) * size, values * size))
          return try Tensor.concatenate(parts, dim: 1)
        })
    }
  }

  private static func tables(rows: Int, size: Int, dtype: DType) throws -> (Tensor, Tensor) {
    let angles = try Tensor.empty([rows, size / 2])
    try angles.fillNormal(from: Generator(seed: 7))
    return (try angles.cos().to(dtype), try angles.sin().to(dtype))
  }

  static let heads = [(1, 1, 1), (2, 3, 5), (40, 33, 130), (90, 16, 64_000)].flatMap { rows, size, words in
    [true, false].map { keepsLogits in
      let targets = (0..<rows).map { $0 * 7919 % words }
      return Operator(
        testDescription: "\(rows) log-probabilities of \(words), logits \(keepsLogits ? "kept" : "computed again")",
        shapes: [[rows, size], [words, size]],
        fused: {
          try logProbabilities($0[0], weight: Weight($0[1]), targets: Tensor(targets), keepsLogits: keepsLogits)
        },
        plain: {
          try linear($0[0], weight: $0[1]).logSoftmax(1).gather(1, Tensor(targets).unsqueeze(1)).squeeze(1)
        })
    }
  }

  static let tables = [(1, 1, [0]), (5, 3, [4, 4, 0, 4]), (20, 130, [0, 19, 7, 7, 7, 3])].map { entries, size, index in
    Operator(
      testDescription: "\(index.count) rows of [\(entries), \(size)]", shapes: [[entries, size]],
      fused: { try embeddingRows(Tensor(index), weight: $0[0]) },
      plain: { try embedding(Tensor(index), weight: $0[0]) })
  }
}
