import OrderedJSON
import Testing
import Torch

/// Tools/reference/torch_operators.py wrote the results of `torch.optim.AdamW` and `clip_grad_norm_`.
@Suite("The optimizer against PyTorch") struct OptimizerTests {
  @Test("AdamW takes the same five steps, with weight decay")
  func fiveSteps() throws {
    let golden = try #require(Goldens.load()["adamw"])
    let start = try #require(golden["start"]).tensors()
    let parameters = try FlatBuffer(shapes: start.map(\.shape))
    let gradients = try FlatBuffer(shapes: start.map(\.shape))
    for (view, value) in zip(parameters.views, start) { try view.copyInPlace(value.tensor()) }
    let optimizer = try AdamW(
      parameters: parameters, gradients: gradients,
      options: .init(
        beta1: #require(golden["beta1"]?.double), beta2: #require(golden["beta2"]?.double),
        epsilon: #require(golden["epsilon"]?.double), weightDecay: #require(golden["weightDecay"]?.double)))
    let learningRate = try #require(golden["learningRate"]?.double)

    for step in try #require(golden["steps"]?.array) {
      for (view, value) in zip(gradients.views, try #require(step["gradients"]).tensors()) {
        try view.copyInPlace(value.tensor())
      }
      try optimizer.step(learningRate: learningRate)
      for (view, value) in zip(parameters.views, try #require(step["parameters"]).tensors()) {
        try expectClose(view, value, tolerance: 1e-6)
      }
    }

    #expect(try optimizer.stepCount() == 5)
    for (buffer, key) in [(optimizer.firstMoments, "firstMoments"), (optimizer.secondMoments, "secondMoments")] {
      for (view, value) in zip(buffer.views, try #require(golden[key]).tensors()) {
        try expectClose(view, value, tolerance: 1e-6)
      }
    }
    // All buffers have one layout: elements that belong to no parameter stay 0.
    for buffer in [parameters, gradients, optimizer.firstMoments, optimizer.secondMoments] {
      #expect(buffer.storage.count == 16 + 16)
      #expect(try buffer.storage.narrow(0, 15, 1).item() == 0)
      #expect(try buffer.storage.narrow(0, 16 + 7, 9).abs().sum().item() == 0)
    }
  }

  @Test("AdamW continues from saved moments and step count bit for bit")
  func resume() throws {
    func optimizer() throws -> (AdamW, FlatBuffer) {
      let parameters = try FlatBuffer(shapes: [[9]])
      let gradients = try FlatBuffer(shapes: [[9]])
      try gradients.storage.fillInPlace(0.25)
      return (try AdamW(parameters: parameters, gradients: gradients), parameters)
    }
    let (unbroken, expected) = try optimizer()
    for _ in 0..<3 { try unbroken.step(learningRate: 0.1) }
    let (first, parameters) = try optimizer()
    for _ in 0..<2 { try first.step(learningRate: 0.1) }
    let (second, resumed) = try optimizer()
    try resumed.storage.copyInPlace(parameters.storage)
    try second.firstMoments.storage.copyInPlace(first.firstMoments.storage)
    try second.secondMoments.storage.copyInPlace(first.secondMoments.storage)
    try second.resume(after: first.stepCount())
    try second.step(learningRate: 0.1)
    #expect(try resumed.storage.array(Float.self) == expected.storage.array(Float.self))
  }

  @Test("Clipping scales all gradients by their common norm")
  func clipping() throws {
    let golden = try #require(Goldens.load()["clip"])
    let start = try #require(golden["gradients"]).tensors()
    for clipped in try #require(golden["cases"]?.array) {
      let gradients = try FlatBuffer(shapes: start.map(\.shape))
      for (view, value) in zip(gradients.views, start) { try view.copyInPlace(value.tensor()) }
      let scaling = try GradientScaling(
        sumOfSquares: sumOfSquares([gradients.storage]), maximum: #require(clipped["maximum"]?.double))
      let norm = try scaling.norm.item()
      #expect(try abs(norm - #require(clipped["norm"]?.double)) < 1e-5)
      for (view, value) in zip(gradients.views, try #require(clipped["gradients"]).tensors()) {
        try expectClose(view.divide(scaling.divisor), value, tolerance: 1e-6)
      }
    }
  }

  @Test("Clipping is off for a maximum of 0 or less, and zero gradients are no problem", arguments: [0.0, -1])
  func withoutClipping(maximum: Double) throws {
    let zero = try GradientScaling(sumOfSquares: Tensor.zeros([], dtype: .float64), maximum: 1)
    #expect(try zero.divisor.item() == 1)
    #expect(try zero.skips.item() == 0)
    let off = try GradientScaling(sumOfSquares: Tensor.full([], 256, dtype: .float64), maximum: maximum)
    #expect(try off.norm.item() == 16)
    #expect(try off.divisor.item() == 1)
  }

  @Test("An update is skipped when the norm is not finite", arguments: [Double.nan, .infinity])
  func skippedUpdate(norm: Double) throws {
    let parameters = try FlatBuffer(shapes: [[5]])
    let gradients = try FlatBuffer(shapes: [[5]])
    try parameters.storage.fillInPlace(2)
    try gradients.storage.fillInPlace(norm)
    let optimizer = try AdamW(parameters: parameters, gradients: gradients, options: .init(weightDecay: 0.1))
    let scaling = try GradientScaling(sumOfSquares: sumOfSquares([gradients.storage]), maximum: 1)
    #expect(try scaling.skips.item() == 1)
    try optimizer.step(learningRate: 0.1, scaling: scaling)
    #expect(try optimizer.stepCount() == 0)
    #expect(try parameters.views[0].array(Float.self) == [2, 2, 2, 2, 2])
    #expect(try optimizer.firstMoments.storage.abs().sum().item() == 0)
  }

  @Test(
    "Copies are the new parameters in their own type, and unchanged by a skipped update",
    arguments: [DType.bfloat16, .float16])
  func copies(type: DType) throws {
    let shapes = [[3, 5], [7]]
    let parameters = try FlatBuffer(shapes: shapes)
    let gradients = try FlatBuffer(shapes: shapes)
    for (seed, buffer) in [parameters, gradients].enumerated() {
      for view in buffer.views { try view.fillNormal(from: Generator(seed: UInt64(seed))) }
    }
    let copies = try FlatBuffer(viewing: parameters.storage.to(type), as: parameters)
    let start = try copies.storage.clone()
    let optimizer = try AdamW(parameters: parameters, gradients: gradients, copies: copies)
    let rate = try AdamW.learningRate(on: .cpu)
    func update(_ learningRate: Double, sum: Double) throws {
      try rate.fillInPlace(learningRate)
      let scaling = try GradientScaling(sumOfSquares: Tensor([sum]).squeeze(0), maximum: 1)
      try optimizer.step(learningRate: rate, scaling: scaling)
    }
    func isInLine() throws -> Bool {
      try copies.storage.notEqual(parameters.storage.to(type)).to(.float32).sum().item() == 0
    }
    try update(0.1, sum: .infinity)
    #expect(try isInLine() && copies.storage.notEqual(start).any().item() == 0)
    try update(0.1, sum: 4)
    // The size of the first step is the learning rate, for any gradient.
    #expect(try isInLine())
    #expect(
      try abs(copies.views[0].subtract(start.narrow(0, 0, 15).view([3, 5])).to(.float32).abs().max().item() - 0.1)
        < 0.01)
    let before = try copies.storage.clone()
    try update(0, sum: 4)
    #expect(try isInLine() && copies.storage.notEqual(before).any().item() == 0)
    #expect(try optimizer.stepCount() == 2)
  }

  @Test("Squares add up over buffers, beyond the range of float32")
  func squares() throws {
    let buffers = try [[], [1, 2], [3], [1.5e19], [1.5e19]].map { try Tensor($0 as [Float]) }
    let sum = try sumOfSquares(buffers)
    #expect(sum.dtype == .float64 && sum.shape == [])
    #expect(try abs(sum.item() / 4.5e38 - 1) < 1e-6)
    #expect(try abs(sumOfSquares(Array(buffers.prefix(3))).item() / 14 - 1) < 1e-6)
  }

  @Test("A loss scale changes only the range of the gradients")
  func lossScale() throws {
    func updated(scale: Double?) throws -> (norm: Double, parameters: [Float]) {
      let parameters = try FlatBuffer(shapes: [[3]])
      let gradients = try FlatBuffer(shapes: [[3]])
      try gradients.views[0].copyInPlace(Tensor([1, -2, 4] as [Float]))
      if let scale { try gradients.storage.multiplyInPlace(scale) }
      let scaling = try GradientScaling(
        sumOfSquares: sumOfSquares([gradients.storage]), maximum: 1, lossScale: scale.map { try Tensor.full([], $0) })
      try AdamW(parameters: parameters, gradients: gradients).step(learningRate: 0.1, scaling: scaling)
      return (try scaling.norm.item(), try parameters.views[0].array(Float.self))
    }
    let (plain, scaled) = (try updated(scale: nil), try updated(scale: 1024))
    #expect(plain.norm == scaled.norm)
    for (a, b) in zip(plain.parameters, scaled.parameters) { #expect(abs(a - b) < 1e-7) }
  }

  @Test("The loss scale halves at every overflow and doubles after 2000 steps without one")
  func lossScaleUpdate() throws {
    let scale = try LossScale(device: .cpu)
    let (finite, infinite) = (try Tensor.zeros([]), try Tensor.full([], 1))
    try scale.update(skipped: infinite)
    try scale.update(skipped: infinite)
    #expect(try scale.factor.item() == LossScale.initial / 4)
    for _ in 0..<1999 { try scale.update(skipped: finite) }
    #expect(try scale.factor.item() == LossScale.initial / 4)
    try scale.update(skipped: finite)
    #expect(try scale.factor.item() == LossScale.initial / 2)
  }
}
