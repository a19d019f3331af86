import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: SwiGLU and log-probabilities, on the CPU")
struct RowEmulationTests {
  struct Rows: Sendable, CustomTestStringConvertible {
    let rows: Int
    let size: Int
    let dtype: DType
    var gradients: DType
    var testDescription: String { "[\(rows), \(size)] \(dtype.rawValue), gradients \(gradients.rawValue)" }
  }

  @Test(
    "SwiGLU and its gradients are those of plain operators in float64",
    arguments: [(1, 1), (3, 5), (4, 96), (3, 2432), (9, 50), (2, 5001)].flatMap { rows, size in
      elementTypes.map { Rows(rows: rows, size: size, dtype: $0, gradients: $0) }
    }, [false, true])
  func swiGLU(_ test: Rows, inPlace: Bool) throws {
    let (rows, size) = (test.rows, test.size)
    let gateUp = try numbers([rows, 2 * size], seed: 1, test.dtype)
    let productGradient = try numbers([rows, size], seed: 2, test.dtype)
    let gateUp64 = try exact(gateUp)
    let product64 = try gateUp64.narrow(1, 0, size).silu().multiply(gateUp64.narrow(1, size, size))
    try product64.multiply(productGradient.to(.float64)).sum().backward()
    for setting in Setting.all {
      let (given, incoming) = (
        try Memory(gateUp, offset: setting.offset), try Memory(productGradient, offset: setting.offset)
      )
      let product = Memory([rows, size], test.dtype, offset: setting.offset)
      var arguments = SwiGLUArguments(
        gate_up: given.raw, product_gradient: nil, product: product.raw, gate_up_gradient: nil, rows: Int64(rows),
        size: Int32(size))
      expectDone(emulate_swiglu(setting.machine, test.dtype.emulated, &arguments))
      try expectClose(product.written(), product64)

      let again = inPlace ? incoming : Memory([rows, size], test.dtype, offset: setting.offset)
      let gradient = inPlace ? given : Memory([rows, 2 * size], test.dtype, offset: setting.offset)
      arguments.product_gradient = UnsafeRawPointer(incoming.raw)
      arguments.product = again.raw
      arguments.gate_up_gradient = gradient.raw
      expectDone(emulate_swiglu_backward(setting.machine, test.dtype.emulated, &arguments))
      try expectClose(again.written(), product64)
      try expectClose(gradient.written(), #require(try gateUp64.gradient()))
    }
  }

  @Test("SwiGLU of the largest gates is finite where the function is", arguments: elementTypes)
  func saturated(_ dtype: DType) throws {
    let gateUp = try Tensor([-200, 200, -60_000, 60_000, 0, 1, 1, 1, 1, 1] as [Float], shape: [1, 10]).to(dtype)
    let (given, product) = (try Memory(gateUp, offset: 0), Memory([1, 5], dtype, offset: 0))
    let (incoming, gradient) = (
      try Memory(Tensor.ones([1, 5], dtype: dtype), offset: 0), Memory([1, 10], dtype, offset: 0)
    )
    var arguments = SwiGLUArguments(
      gate_up: given.raw, product_gradient: incoming.raw, product: product.raw, gate_up_gradient: gradient.raw, rows: 1,
      size: 5)
    expectDone(emulate_swiglu_backward(Setting.all[0].machine, dtype.emulated, &arguments))
    let gates = try gateUp.narrow(1, 0, 5).to(.float32).array(Float.self)
    #expect(try product.written().to(.float32).array(Float.self) == [0, gates[1], 0, gates[3], 0])
    #expect(try gradient.written().to(.float32).array(Float.self).prefix(5) == [0, 1, 0, 1, 0.5])
  }

  @Test(
    "Log-probabilities and their gradients are those of plain operators in float64",
    arguments: [(1, 1), (2, 5), (3, 130), (4, 6400), (2, 6403)].flatMap { rows, words in
      [
        (.float32, .float32), (.float32, .bfloat16), (.float32, .float16), (.bfloat16, .bfloat16), (.float16, .float16),
      ].map { Rows(rows: rows, size: words, dtype: $0, gradients: $1) }
    })
  func logProbabilities(_ test: Rows) throws {
    let (rows, words) = (test.rows, test.size)
    let logits = try numbers([rows, words], seed: 1).multiply(4).to(test.dtype)
    let targets = try Tensor((0..<rows).map { ($0 * 7919 + words - 1) % words })
    let gradient = try numbers([rows], seed: 2)
    let logits64 = try exact(logits)
    let out64 = try logits64.logSoftmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)
    try out64.multiply(gradient.to(.float64)).sum().backward()
    for setting in Setting.all {
      let offset = setting.offset
      let (given, index, incoming) = (
        try Memory(logits, offset: offset), try Memory(targets, offset: offset), try Memory(gradient, offset: offset)
      )
      let (out, logSum) = (Memory([rows], offset: offset), Memory([rows], offset: offset))
      let statistics = Memory([4, rows], offset: offset)
      var forward = LogProbabilityArguments(
        logits: given.raw, targets: index.integers, out: out.floats, log_sum: logSum.floats,
        statistics: statistics.floats, rows: Int64(rows), words: Int32(words))
      expectDone(emulate_log_probability(setting.machine, test.dtype.emulated, &forward))
      try expectClose(out.written(), out64)
      try expectClose(logSum.written(), logits64.logSumExp(1))
      try expectClose(statistics.written(), plainStatistics(logits64, targets))
      forward.statistics = nil
      expectDone(emulate_log_probability(setting.machine, test.dtype.emulated, &forward))
      try expectClose(out.written(), out64)

      let aside = Memory([rows, words], test.gradients, offset: offset)
      for gradients in test.dtype == test.gradients ? [aside, given] : [aside] {
        var backward = LogProbabilityBackwardArguments(
          logits: given.raw, targets: index.integers, log_sum: logSum.floats, gradient: incoming.floats,
          logit_gradients: gradients.raw, rows: Int64(rows), words: Int32(words))
        expectDone(
          emulate_log_probability_backward(setting.machine, test.dtype.emulated, test.gradients.emulated, &backward))
        try expectClose(gradients.written(), #require(try logits64.gradient()))
      }
    }
  }

  @Test("Large logits, −∞ and NaN behave as in log-softmax; a target outside the vocabulary gives NaN")
  func extremes() throws {
    let words = 1100
    var rows = (0..<6).map { row in (0..<words).map { Float(($0 * 31 + row) % 17) } }
    rows[0] = rows[0].map { $0 * 1000 }
    for word in 0..<words where word != 900 { rows[1][word] = -.infinity }
    rows[2][13] = .nan
    for word in 0..<700 { rows[3][word] = -.infinity }
    let targets = [5, 900, 0, 1000, words, -1]
    let logits = try Tensor(rows.flatMap { $0 }, shape: [6, words])
    let expected = try logits.narrow(0, 0, 4).to(.float64).logSoftmax(1)
      .gather(1, Tensor(Array(targets[..<4])).unsqueeze(1)).squeeze(1).array(Double.self)
    for setting in Setting.all {
      let offset = setting.offset
      let (given, index) = (try Memory(logits, offset: offset), try Memory(Tensor(targets), offset: offset))
      let (out, logSum) = (Memory([6], offset: offset), Memory([6], offset: offset))
      var forward = LogProbabilityArguments(
        logits: given.raw, targets: index.integers, out: out.floats, log_sum: logSum.floats, statistics: nil, rows: 6,
        words: Int32(words))
      expectDone(emulate_log_probability(setting.machine, emulated_f32, &forward))
      let found = try out.written().array(Float.self)
      for row in [0, 1, 3] { #expect(abs(Double(found[row]) - expected[row]) <= 1e-5 * max(1, abs(expected[row]))) }
      #expect(expected[2].isNaN && found[2].isNaN && found[4].isNaN && found[5].isNaN)
      // Writes stay in the row even if its target is outside the vocabulary.
      let (ones, gradients) = (try Memory(Tensor.ones([6]), offset: offset), Memory([6, words], offset: offset))
      var backward = LogProbabilityBackwardArguments(
        logits: given.raw, targets: index.integers, log_sum: logSum.floats, gradient: ones.floats,
        logit_gradients: gradients.raw, rows: 6, words: Int32(words))
      expectDone(emulate_log_probability_backward(setting.machine, emulated_f32, emulated_f32, &backward))
      let sums = try gradients.written().sum(1).array(Float.self)
      // In float32 a logarithm of 16,000 has a resolution of 0.001.
      for (row, tolerance) in [(0, Float(1e-3)), (1, 1e-5), (3, 1e-5)] { #expect(abs(sums[row]) < tolerance) }
      #expect(sums[2].isNaN && abs(sums[4] + 1) < 1e-4 && abs(sums[5] + 1) < 1e-4)
    }
  }
}
