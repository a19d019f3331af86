import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: flat buffers, on the CPU")
struct FlatEmulationTests {
  static let counts = [1, 3, 4, 257, 5000, 40_003]

  /// The sum over several buffers, whose partial sums follow one another.
  static func sum(_ buffers: [Tensor], _ setting: Setting) throws -> Double {
    let blocks = buffers.map { Int(emulated_squares_blocks(setting.machine, Int64($0.count))) }
    let partials = Memory([blocks.reduce(0, +)], .float64, offset: 0)
    let sum = Memory([], .float64, offset: 0)
    for (number, buffer) in buffers.enumerated() {
      let given = try Memory(buffer, offset: setting.offset)
      var squares = SquaresArguments(
        x: given.floats, partials: partials.doubles + blocks[..<number].reduce(0, +), count: Int64(buffer.count))
      expectDone(emulate_sum_of_squares(setting.machine, &squares))
    }
    _ = try partials.written()
    var total = SquaresSumArguments(
      partials: partials.doubles, sum: sum.doubles, count: Int64(blocks.reduce(0, +)))
    expectDone(emulate_add_squares(setting.machine, &total))
    return try sum.written().item()
  }

  @Test("The sum of squares is that of float64", arguments: counts)
  func squares(_ count: Int) throws {
    let x = try numbers([count], seed: 1)
    let expected = try x.to(.float64).power(2).sum().item()
    for setting in Setting.all { #expect(try abs(Self.sum([x], setting) - expected) <= 1e-6 * expected) }
  }

  @Test("The squares of several buffers add up, including an empty one")
  func severalBuffers() throws {
    let x = try numbers([40_003], seed: 1)
    let parts = try [(0, 17), (17, 0), (17, 30_000), (30_017, 9986)].map { try x.narrow(0, $0, $1) }
    let expected = try x.to(.float64).power(2).sum().item()
    for setting in Setting.all { #expect(try abs(Self.sum(parts, setting) - expected) <= 1e-6 * expected) }
  }

  @Test("The sum of no squares is 0")
  func nothing() throws {
    let sum = Memory([], .float64, offset: 0)
    var total = SquaresSumArguments(partials: nil, sum: sum.doubles, count: 0)
    expectDone(emulate_add_squares(Setting.all[0].machine, &total))
    #expect(try sum.written().item() == 0)
  }

  static func scaling(
    _ sum: Double, scale: Float? = nil, maximum: Double
  ) throws -> (norm: Double, divisor: Double, skips: Double) {
    let (given, loss) = (try Memory(Tensor([sum]), offset: 0), try scale.map { try Memory(Tensor([$0]), offset: 0) })
    let (norm, divisor, skips) = (Memory([], offset: 0), Memory([], offset: 0), Memory([], offset: 0))
    var arguments = ScalingArguments(
      sum_of_squares: given.doubles, loss_scale: loss?.floats, maximum: maximum, norm: norm.floats,
      divisor: divisor.floats, skips: skips.floats)
    expectDone(emulate_gradient_scaling(Setting.all[0].machine, &arguments))
    return (try norm.tensor().item(), try divisor.tensor().item(), try skips.written().item())
  }

  /// A sum of squares, the loss scale, the maximum of the norm; then the norm without the loss scale, and the divisor from
  /// `clip_grad_norm_` and the loss scale.
  static let scalings: [(sum: Double, scale: Float?, maximum: Double, norm: Double, divisor: Double)] = [
    (25, nil, 1, 5, 5.000001), (25, nil, 10, 5, 1), (25, nil, 0, 5, 1), (25, nil, -1, 5, 1), (0, nil, 1, 0, 1),
    (25 * 1024 * 1024, 1024, 2, 5, 5.000001 / 2 * 1024), (25 * 1024 * 1024, 1024, 10, 5, 1024),
    (25 * 1024 * 1024, 1024, 0, 5, 1024), (1e-8, 0.5, 1e-5, 2e-4, 20.1 / 2),
  ]

  @Test("Norm and divisor are those of clip_grad_norm_, without the loss scale", arguments: scalings)
  func clipping(_ example: (sum: Double, scale: Float?, maximum: Double, norm: Double, divisor: Double)) throws {
    let found = try Self.scaling(example.sum, scale: example.scale, maximum: example.maximum)
    #expect(abs(found.norm - example.norm) <= 1e-6 * example.norm)
    #expect(abs(found.divisor - example.divisor) <= 1e-6 * example.divisor)
    #expect(found.skips == 0)
    // The same as without the kernel.
    let plain = try GradientScaling(
      sumOfSquares: Tensor([example.sum]).squeeze(0), maximum: example.maximum,
      lossScale: example.scale.map { try Tensor([$0]).squeeze(0) })
    #expect(try abs(plain.norm.item() - found.norm) <= 1e-6 * found.norm)
    #expect(try abs(plain.divisor.item() - found.divisor) <= 1e-6 * found.divisor)
    #expect(try plain.skips.item() == 0)
  }

  @Test("An infinite gradient or a NaN is found", arguments: [Double.infinity, -.infinity, .nan])
  func found(_ bad: Double) throws {
    let x = try numbers([5000], seed: 1)
    try x.narrow(0, 4321, 1).fillInPlace(bad)
    for setting in Setting.all {
      let result = try Self.scaling(Self.sum([numbers([9], seed: 2), x], setting), scale: 65536, maximum: 1)
      #expect(result.skips == 1 && !result.norm.isFinite)
    }
  }

  @Test("The step advances by one, unless the update is skipped")
  func step() throws {
    for (skips, expected) in [(Float?.none, 8.0), (0, 8), (1, 7)] {
      let (step, flag) = (
        try Memory(Tensor([Float(7)]), offset: 0), try skips.map { try Memory(Tensor([$0]), offset: 0) }
      )
      var arguments = StepArguments(step: step.floats, skips: flag?.floats)
      expectDone(emulate_advance_step(Setting.all[0].machine, &arguments))
      #expect(try step.written().item() == expected)
    }
  }

  @Test("Steps of AdamW are LibTorch's, and the low copy matches the parameters", arguments: counts, elementTypes)
  func adamW(_ count: Int, low: DType) throws {
    let (rate, divisor) = (0.01, Float(3))
    let gradients = try (0..<3).map { try numbers([count], seed: UInt64(10 + $0)) }
    let start = try numbers([count], seed: 1)
    let parameters = try FlatBuffer(shapes: [[count]])
    let expectedGradients = try FlatBuffer(shapes: [[count]])
    try parameters.views[0].copyInPlace(start)
    let expected = try AdamW(
      parameters: parameters, gradients: expectedGradients,
      options: .init(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1))
    for gradient in gradients {
      try expectedGradients.views[0].copyInPlace(gradient.divide(Double(divisor)))
      try expected.step(learningRate: rate)
    }
    for setting in Setting.all {
      let offset = setting.offset
      let p = try Memory(start, offset: offset)
      let (m, v) = (
        try Memory(Tensor.zeros([count]), offset: offset), try Memory(Tensor.zeros([count]), offset: offset)
      )
      let copy = Memory([count], low, offset: offset)
      let (rates, divisors) = (try Memory(Tensor([Float(rate)]), offset: 0), try Memory(Tensor([divisor]), offset: 0))
      let (steps, skips) = (try Memory(Tensor([Float(0)]), offset: 0), try Memory(Tensor([Float(0)]), offset: 0))
      for gradient in gradients {
        let g = try Memory(gradient, offset: offset)
        var advance = StepArguments(step: steps.floats, skips: skips.floats)
        expectDone(emulate_advance_step(setting.machine, &advance))
        var arguments = AdamWArguments(
          parameters: p.floats, gradients: g.floats, first_moments: m.floats, second_moments: v.floats, low: copy.raw,
          learning_rate: rates.floats, step: steps.floats, divisor: divisors.floats, skips: skips.floats,
          count: Int64(count), beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1)
        expectDone(emulate_adamw(setting.machine, low.emulated, &arguments))
        #expect(try sameBits(g.written(), gradient))
      }
      let tolerance = 1e-6
      #expect(try difference(p.written(), parameters.views[0]) < tolerance)
      #expect(try difference(m.written(), expected.firstMoments.views[0]) < tolerance)
      #expect(try difference(v.written(), expected.secondMoments.views[0]) < tolerance)
      #expect(try sameBits(copy.written(), p.written().to(low)))
    }
  }

  @Test("A skipped update writes nothing and does not count")
  func skipped() throws {
    let count = 1001
    let start = try numbers([count], seed: 1)
    for setting in Setting.all {
      let p = try Memory(start, offset: 0)
      let g = try Memory(Tensor.full([count], .infinity), offset: 0)
      let (m, v, copy) = (
        try Memory(start, offset: 0), try Memory(start, offset: 0), Memory([count], .float16, offset: 0)
      )
      let (one, untouched) = (try Memory(Tensor([Float(1)]), offset: 0), copy.bytes)
      let step = try Memory(Tensor([Float(7)]), offset: 0)
      var advance = StepArguments(step: step.floats, skips: one.floats)
      expectDone(emulate_advance_step(setting.machine, &advance))
      var arguments = AdamWArguments(
        parameters: p.floats, gradients: g.floats, first_moments: m.floats, second_moments: v.floats, low: copy.raw,
        learning_rate: one.floats, step: step.floats, divisor: nil, skips: one.floats, count: Int64(count),
        beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1)
      expectDone(emulate_adamw(setting.machine, emulated_f16, &arguments))
      for memory in [p, m, v] { #expect(try sameBits(memory.written(), start)) }
      #expect(try step.written().item() == 7)
      #expect(copy.isGuarded && copy.bytes == untouched)
    }
  }
}
