import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: norms, on the CPU")
struct NormEmulationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let shape: [Int]
    let delta: DType?
    let normed: DType
    var testDescription: String { "\(shape), delta \(delta?.rawValue ?? "none"), normed \(normed.rawValue)" }
  }

  static let shapes = [[1, 1], [1, 96], [5, 7], [9, 768], [40, 33], [2, 2432], [21, 100], [2, 8192]]
  static let pairs: [(delta: DType?, normed: DType)] = [
    (nil, .float32), (nil, .bfloat16), (nil, .float16), (.float32, .float32), (.bfloat16, .bfloat16),
    (.float16, .float16), (.bfloat16, .float32), (.float32, .bfloat16), (.float16, .float32), (.float32, .float16),
  ]
  static let cases: [Case] = shapes.flatMap { shape in
    pairs.map { Case(shape: shape, delta: $0.delta, normed: $0.normed) }
  }

  static let epsilon = 1e-5

  @Test("Sum, norm and their gradients are those of plain operators in float64", arguments: cases)
  func norm(_ test: Case) throws {
    let (rows, size) = (test.shape[0], test.shape[1])
    let delta = try test.delta.map { try numbers(test.shape, seed: 2, $0) }
    let x = try numbers(test.shape, seed: 1)
    let weight = try numbers([size], seed: 3)
    let normedGradient = try numbers(test.shape, seed: 4, test.normed)
    let sumGradient = try numbers(test.shape, seed: 5)
    let before = try numbers([size], seed: 6)

    let (x64, weight64) = (try exact(x), try exact(weight))
    let sum64 = try delta.map { try x64.add($0.to(.float64)) } ?? x64
    let normed64 = try rmsNorm(sum64, weight: weight64, epsilon: Self.epsilon)
    try normed64.multiply(normedGradient.to(.float64)).sum()
      .add(sum64.multiply(sumGradient.to(.float64)).sum()).backward()
    let gradient64 = try #require(try x64.gradient())
    let weightGradient64 = try #require(try weight64.gradient()).add(before.to(.float64))

    for setting in Setting.all {
      func input(_ tensor: Tensor) throws -> Memory { try Memory(tensor, offset: setting.offset) }
      func output(_ shape: [Int], _ dtype: DType = .float32) -> Memory {
        Memory(shape, dtype, offset: setting.offset)
      }
      let (xs, weights, deltas) = (try input(x), try input(weight), try delta.map(input))
      let (sum, normed, scale) = (output(test.shape), output(test.shape, test.normed), output([rows]))
      var forward = RMSNormArguments(
        x: xs.floats, delta: deltas?.raw, weight: weights.floats, sum: deltas == nil ? nil : sum.floats,
        normed: normed.raw, scale: scale.floats, rows: Int64(rows), size: Int32(size), epsilon: Float(Self.epsilon))
      let type = test.delta ?? test.normed
      expectDone(emulate_rms_norm(setting.machine, type.emulated, test.normed.emulated, &forward))
      if deltas != nil { try expectClose(sum.written(), sum64) }
      try expectClose(normed.written(), normed64)
      _ = try scale.written()

      let blocks = Int(emulated_rms_norm_backward_blocks(setting.machine, Int64(rows), Int32(size)))
      let partials = output([blocks, size])
      let (incoming, passing) = (try input(normedGradient), try input(sumGradient))
      let (copy, weightGradient) = (output(test.shape, type), try input(before))
      // The gradient overwrites the one that it is added to.
      var backward = RMSNormBackwardArguments(
        x: deltas == nil ? xs.floats : sum.floats, weight: weights.floats, scale: scale.floats,
        normed_gradient: incoming.raw, sum_gradient: passing.floats, gradient: passing.floats,
        delta_gradient: copy.raw, partials: partials.floats, rows: Int64(rows), size: Int32(size))
      expectDone(
        emulate_rms_norm_backward(
          setting.machine, type.emulated, test.normed.emulated, &backward, weightGradient.floats))
      try expectClose(passing.written(), gradient64)
      try expectClose(copy.written(), gradient64)
      _ = try partials.written()
      try expectClose(weightGradient.written(), weightGradient64)
    }
  }

  @Test("Without a gradient of the sum, a copy or a trained weight, only the gradient is written")
  func alone() throws {
    let shape = [6, 40]
    let (x, weight, incoming) = (try numbers(shape, seed: 1), try numbers([40], seed: 2), try numbers(shape, seed: 3))
    let x64 = try exact(x)
    let normed64 = try rmsNorm(x64, weight: weight.to(.float64), epsilon: Self.epsilon)
    try normed64.multiply(incoming.to(.float64)).sum().backward()
    let scale64 = try x64.detached().power(2).mean(1).add(Self.epsilon).rsqrt()
    for setting in Setting.all {
      let offset = setting.offset
      let (xs, weights) = (try Memory(x, offset: offset), try Memory(weight, offset: offset))
      let (scale, gradients) = (try Memory(scale64.to(.float32), offset: offset), try Memory(incoming, offset: offset))
      let gradient = Memory(shape, offset: offset)
      var arguments = RMSNormBackwardArguments(
        x: xs.floats, weight: weights.floats, scale: scale.floats, normed_gradient: gradients.raw, sum_gradient: nil,
        gradient: gradient.floats, delta_gradient: nil, partials: nil, rows: 6, size: 40)
      expectDone(emulate_rms_norm_backward(setting.machine, emulated_f32, emulated_f32, &arguments, nil))
      try expectClose(gradient.written(), #require(try x64.gradient()))
    }
  }

  @Test("A NaN reaches all of its row, and no other row")
  func notANumber() throws {
    let x = try numbers([3, 50], seed: 1)
    try x.select(0, 1).narrow(0, 7, 1).fillInPlace(.nan)
    for setting in Setting.all {
      let (xs, weight) = (try Memory(x, offset: 0), try Memory(Tensor.ones([50]), offset: 0))
      let (normed, scale) = (Memory([3, 50], .bfloat16, offset: 0), Memory([3], offset: 0))
      var arguments = RMSNormArguments(
        x: xs.floats, delta: nil, weight: weight.floats, sum: nil, normed: normed.raw, scale: scale.floats, rows: 3,
        size: 50, epsilon: 1e-5)
      expectDone(emulate_rms_norm(setting.machine, emulated_bf16, emulated_bf16, &arguments))
      let finite: [Bool] = try normed.written().to(.float32).isFinite().array()
      #expect(finite == (0..<150).map { $0 < 50 || $0 >= 100 })
    }
  }

  @Test("Bits do not depend on the order of threads, for the same number of blocks")
  func repeatable() throws {
    let shape = [37, 96]
    let x = try numbers(shape, seed: 1)
    let results = try [emulated_ascending, emulated_descending, emulated_shuffled].map { order in
      let (xs, incoming) = (try Memory(x, offset: 0), try Memory(numbers(shape, seed: 2, .bfloat16), offset: 0))
      let (weight, scale) = (try Memory(Tensor.ones([96]), offset: 0), try Memory(Tensor.ones([37]), offset: 0))
      let machine = EmulatedMachine(multiprocessors: 2, order: order)
      let blocks = Int(emulated_rms_norm_backward_blocks(machine, 37, 96))
      #expect(blocks > 1)
      let (gradient, partials) = (Memory(shape, offset: 0), Memory([blocks, 96], offset: 0))
      let weightGradient = try Memory(Tensor.zeros([96]), offset: 0)
      var arguments = RMSNormBackwardArguments(
        x: xs.floats, weight: weight.floats, scale: scale.floats, normed_gradient: incoming.raw, sum_gradient: nil,
        gradient: gradient.floats, delta_gradient: nil, partials: partials.floats, rows: 37, size: 96)
      expectDone(
        emulate_rms_norm_backward(machine, emulated_bf16, emulated_bf16, &arguments, weightGradient.floats))
      return gradient.bytes + weightGradient.bytes
    }
    #expect(results[0] == results[1] && results[1] == results[2])
  }
}
