import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: heads, on the CPU")
struct RotateEmulationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let tokens: Int
    let heads: HeadLayout
    let norms: (query: Bool, key: Bool)
    let dtype: DType
    var testDescription: String { "\(tokens) tokens, \(heads), norms \(norms), \(dtype.rawValue)" }
  }

  static let cases: [Case] = [
    (1, 1, 1, 1, 2), (5, 3, 1, 2, 6), (40, 4, 2, 2, 24), (9, 8, 4, 4, 96), (9, 2, 0, 0, 64), (7, 0, 2, 2, 8),
    (3, 1, 1, 0, 512), (2, 40, 8, 8, 256), (130, 2, 1, 1, 10),
  ].flatMap { tokens, queries, keys, values, size in
    [(true, true), (false, false), (true, false), (false, true)].flatMap { norms in
      elementTypes.map {
        Case(
          tokens: tokens, heads: HeadLayout(queries: queries, keys: keys, values: values, size: size), norms: norms,
          dtype: $0)
      }
    }
  }

  static let epsilon = 1e-6

  static func plain(_ x: Tensor, _ norms: [Tensor?], _ tables: [Tensor], _ heads: HeadLayout) throws -> Tensor {
    let (rows, size) = (x.shape[0], heads.size)
    var parts: [Tensor] = []
    for (first, count, norm) in [(0, heads.queries, norms[0]), (heads.queries, heads.keys, norms[1])] where count > 0 {
      var part = try x.narrow(1, first * size, count * size).reshape([rows, count, size])
      if let norm { part = try rmsNorm(part, weight: norm, epsilon: epsilon) }
      let (one, two) = (try part.narrow(2, 0, size / 2), try part.narrow(2, size / 2, size / 2))
      let (c, s) = (try tables[0].unsqueeze(1), try tables[1].unsqueeze(1))
      let turned = try Tensor.concatenate(
        [one.multiply(c).subtract(two.multiply(s)), two.multiply(c).add(one.multiply(s))], dim: 2)
      parts.append(try turned.reshape([rows, -1]))
    }
    parts.append(try x.narrow(1, (heads.queries + heads.keys) * size, heads.values * size))
    return try Tensor.concatenate(parts, dim: 1)
  }

  @Test("Normalized and rotated heads and their gradients are those of plain operators in float64", arguments: cases)
  func rotate(_ test: Case) throws {
    let (tokens, heads) = (test.tokens, test.heads)
    let width = (heads.queries + heads.keys + heads.values) * heads.size
    let packed = try numbers([tokens, width], seed: 1, test.dtype)
    let weights = [test.norms.query, test.norms.key].enumerated().map { number, isThere in
      isThere ? try? numbers([heads.size], seed: UInt64(2 + number)) : nil
    }
    let angles = try numbers([tokens, heads.size / 2], seed: 7)
    let tables = [try angles.cos(), try angles.sin()]
    let outGradient = try numbers([tokens, width], seed: 8, test.dtype)
    let before = [try numbers([heads.size], seed: 9), try numbers([heads.size], seed: 10)]

    let packed64 = try exact(packed)
    let weights64 = try weights.map { try $0.map(exact) }
    let out64 = try Self.plain(packed64, weights64, tables.map { try $0.to(.float64) }, heads)
    try out64.multiply(outGradient.to(.float64)).sum().backward()
    let gradient64 = try #require(try packed64.gradient())
    let normed = weights.contains { $0 != nil }

    for setting in Setting.all {
      func input(_ tensor: Tensor) throws -> Memory { try Memory(tensor, offset: setting.offset) }
      let (xs, incoming) = (try input(packed), try input(outGradient))
      let (norms, cosines, sines) = (try weights.map { try $0.map(input) }, try input(tables[0]), try input(tables[1]))
      let out = Memory([tokens, width], test.dtype, offset: setting.offset)
      let scale = Memory([tokens, heads.queries + heads.keys], offset: setting.offset)
      var forward = RotateArguments(
        packed: xs.raw, query_weight: norms[0]?.floats, key_weight: norms[1]?.floats, cosines: cosines.floats,
        sines: sines.floats, out: out.raw, scale: normed ? scale.floats : nil, tokens: Int64(tokens),
        query: Int32(heads.queries), key: Int32(heads.keys), value: Int32(heads.values), size: Int32(heads.size),
        lanes: 0, epsilon: Float(Self.epsilon))
      expectDone(emulate_rotate(setting.machine, test.dtype.emulated, &forward))
      try expectClose(out.written(), out64)
      #expect(scale.isGuarded)

      let blocks = Int(
        emulated_rotate_backward_blocks(
          setting.machine, Int64(tokens), Int32(heads.queries + heads.keys + heads.values), Int32(heads.size)))
      let gradient = Memory([tokens, width], test.dtype, offset: setting.offset)
      let partials = Memory([blocks, 2, heads.size], offset: setting.offset)
      let sums = try zip(before, weights).map { before, weight in weight == nil ? nil : try input(before) }
      var backward = RotateBackwardArguments(
        packed: normed ? xs.raw : nil, query_weight: norms[0]?.floats, key_weight: norms[1]?.floats,
        cosines: cosines.floats, sines: sines.floats, scale: normed ? scale.floats : nil, out_gradient: incoming.raw,
        gradient: gradient.raw, partials: normed ? partials.floats : nil, tokens: Int64(tokens),
        query: Int32(heads.queries), key: Int32(heads.keys), value: Int32(heads.values), size: Int32(heads.size),
        lanes: 0)
      expectDone(
        emulate_rotate_backward(
          setting.machine, test.dtype.emulated, &backward, sums[0]?.floats, sums[1]?.floats))
      try expectClose(gradient.written(), gradient64)
      for (number, sum) in sums.enumerated() {
        guard let sum else { continue }
        let own = try weights64[number]?.gradient() ?? Tensor.zeros([heads.size], dtype: .float64)
        try expectClose(sum.written(), own.add(before[number].to(.float64)))
      }
      if normed { _ = try partials.written() }
    }
  }
}
