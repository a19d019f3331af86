import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: flat buffers, on the CPU")
struct FlatEmulationTests {
  static let counts = [1, 3, 4, 257, 5000, 40_003]

  static func sum(_ x: Tensor, _ setting: Setting) throws -> Double {
    let given = try Memory(x, offset: setting.offset)
    let blocks = Int(emulated_squares_blocks(setting.machine, Int64(x.count)))
    let (partials, sum) = (Memory([blocks], .float64, offset: 0), Memory([], .float64, offset: 0))
    var squares = SquaresArguments(x: given.floats, partials: partials.doubles, count: Int64(x.count))
    expectDone(emulate_sum_of_squares(setting.machine, &squares))
    _ = try partials.written()
    var total = SquaresSumArguments(partials: partials.doubles, sum: sum.doubles, count: Int64(blocks))
    expectDone(emulate_add_squares(setting.machine, &total))
    return try sum.written().item()
  }

  @Test("The sum of squares is that of float64", arguments: counts)
  func squares(_ count: Int) throws {
    let x = try numbers([count], seed: 1)
    let expected = try x.to(.float64).power(2).sum().item()
    for setting in Setting.all { #expect(try abs(Self.sum(x, setting) - expected) <= 1e-6 * expected) }
  }

  @Test("No squares add up to 0")
  func nothing() throws {
    let sum = Memory([], .float64, offset: 0)
    var total = SquaresSumArguments(partials: nil, sum: sum.doubles, count: 0)
    expectDone(emulate_add_squares(Setting.all[0].machine, &total))
    #expect(try sum.written().item() == 0)
  }

  static func clip(_ sum: Double, scale: Float?, maximum: Double) throws -> (norm: Double, factor: Double, inf: Double)
  {
    let (given, loss) = (try Memory(Tensor([sum]), offset: 0), try scale.map { try Memory(Tensor([$0]), offset: 0) })
    let (norm, factor, found) = (Memory([], offset: 0), Memory([], offset: 0), Memory([], offset: 0))
    var arguments = ClipArguments(
      sum_of_squares: given.doubles, loss_scale: loss?.floats, maximum: maximum, norm: norm.floats,
      factor: factor.floats, found_inf: found.floats)
    expectDone(emulate_clip_factor(Setting.all[0].machine, &arguments))
    return (try norm.written().item(), try factor.written().item(), try found.written().item())
  }

  @Test("Norm and factor are those of clip_grad_norm_, with the loss scale taken out")
  func clipping() throws {
    func expect(_ found: (norm: Double, factor: Double, inf: Double), _ norm: Double, _ factor: Double) {
      #expect(abs(found.norm - norm) <= 1e-6 * norm && abs(found.factor - factor) <= 1e-6 * factor && found.inf == 0)
    }
    expect(try Self.clip(25, scale: nil, maximum: 1), 5, 1 / 5.000001)
    expect(try Self.clip(25, scale: nil, maximum: 10), 5, 1)
    expect(try Self.clip(25, scale: nil, maximum: 0), 5, 1)
    expect(try Self.clip(0, scale: nil, maximum: 1), 0, 1)
    expect(try Self.clip(25 * 1024 * 1024, scale: 1024, maximum: 2), 5, 2 / 5.000001 / 1024)
    expect(try Self.clip(25 * 1024 * 1024, scale: 1024, maximum: 10), 5, 1.0 / 1024)
  }

  @Test("An infinite gradient or a NaN is found and gives the factor 0", arguments: [Double.infinity, .nan])
  func found(_ bad: Double) throws {
    let x = try numbers([5000], seed: 1)
    try x.narrow(0, 4321, 1).fillInPlace(bad)
    for setting in Setting.all {
      let result = try Self.clip(Self.sum(x, setting), scale: 65536, maximum: 1)
      #expect(result.factor == 0 && result.inf == 1 && !result.norm.isFinite)
    }
  }

  @Test("The step advances by one, unless an infinity was found")
  func step() throws {
    for (found, expected) in [(Float?.none, 8.0), (0, 8), (1, 7)] {
      let (step, flag) = (
        try Memory(Tensor([Float(7)]), offset: 0), try found.map { try Memory(Tensor([$0]), offset: 0) }
      )
      var arguments = StepArguments(step: step.floats, found_inf: flag?.floats)
      expectDone(emulate_advance_step(Setting.all[0].machine, &arguments))
      #expect(try step.written().item() == expected)
    }
  }

  @Test("Steps of AdamW are LibTorch's, and the low copy is the parameters'", arguments: counts, elementTypes)
  func adamW(_ count: Int, low: DType) throws {
    let (rate, factor) = (0.01, Float(0.25))
    let gradients = try (0..<3).map { try numbers([count], seed: UInt64(10 + $0)) }
    let start = try numbers([count], seed: 1)
    let parameters = try FlatBuffer(shapes: [[count]])
    let expectedGradients = try FlatBuffer(shapes: [[count]])
    try parameters.views[0].copyInPlace(start)
    let expected = try AdamW(
      parameters: parameters, gradients: expectedGradients,
      options: .init(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1))
    for gradient in gradients {
      try expectedGradients.views[0].copyInPlace(gradient.multiply(Double(factor)))
      try expected.step(learningRate: rate)
    }
    for setting in Setting.all {
      let offset = setting.offset
      let p = try Memory(start, offset: offset)
      let (m, v) = (
        try Memory(Tensor.zeros([count]), offset: offset), try Memory(Tensor.zeros([count]), offset: offset)
      )
      let copy = Memory([count], low, offset: offset)
      let (rates, factors) = (try Memory(Tensor([Float(rate)]), offset: 0), try Memory(Tensor([factor]), offset: 0))
      let (steps, found) = (try Memory(Tensor([Float(0)]), offset: 0), try Memory(Tensor([Float(0)]), offset: 0))
      for gradient in gradients {
        let g = try Memory(gradient, offset: offset)
        var advance = StepArguments(step: steps.floats, found_inf: found.floats)
        expectDone(emulate_advance_step(setting.machine, &advance))
        var arguments = AdamWArguments(
          parameters: p.floats, gradients: g.floats, first_moments: m.floats, second_moments: v.floats, low: copy.raw,
          learning_rate: rates.floats, step: steps.floats, factor: factors.floats, found_inf: found.floats,
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

  @Test("Where an infinity was found, AdamW writes nothing at all")
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
      var arguments = AdamWArguments(
        parameters: p.floats, gradients: g.floats, first_moments: m.floats, second_moments: v.floats, low: copy.raw,
        learning_rate: one.floats, step: one.floats, factor: nil, found_inf: one.floats, count: Int64(count),
        beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1)
      expectDone(emulate_adamw(setting.machine, emulated_f16, &arguments))
      for memory in [p, m, v] { #expect(try sameBits(memory.written(), start)) }
      #expect(copy.isGuarded && copy.bytes == untouched)
    }
  }
}
