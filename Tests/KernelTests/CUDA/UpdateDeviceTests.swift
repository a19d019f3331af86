import Testing
import Torch

@Suite("From gradients to new weights on a CUDA device", .enabled(if: Runtime.cudaDeviceCount > 0, "no CUDA device"))
struct UpdateDeviceTests {
  /// All tensors that an update reads and writes.
  final class Update {
    let parameters: FlatBuffer
    let gradients: FlatBuffer
    let copies: FlatBuffer
    let optimizer: AdamW
    let learningRate: Tensor
    let lossScale: LossScale
    let norm: Tensor

    init(on device: Device, copying type: DType) throws {
      let shapes = [[301, 7], [5], [40_003]]
      parameters = try FlatBuffer(shapes: shapes, device: device)
      gradients = try FlatBuffer(shapes: shapes, device: device)
      try parameters.storage.copyInPlace(numbers([parameters.storage.count], seed: 1))
      copies = try FlatBuffer(viewing: parameters.storage.to(type), as: parameters)
      optimizer = try AdamW(
        parameters: parameters, gradients: gradients, copies: copies, options: .init(weightDecay: 0.1))
      learningRate = try AdamW.learningRate(on: device)
      lossScale = try LossScale(device: device)
      norm = try .zeros([], device: device)
    }

    /// The inputs of a step: gradients from a seed; without a seed, one of them is infinite.
    func prepare(_ seed: UInt64?, rate: Double) throws {
      try gradients.storage.copyInPlace(numbers([gradients.storage.count], seed: seed ?? 0))
      try gradients.storage.multiplyInPlace(lossScale.factor)
      if seed == nil { try gradients.storage.narrow(0, 1234, 1).fillInPlace(.infinity) }
      try learningRate.fillInPlace(rate)
    }

    /// In two parts, which are added as those of several ranks are.
    func apply() throws {
      let parts = [
        try gradients.storage.narrow(0, 0, 1000),
        try gradients.storage.narrow(0, 1000, gradients.storage.count - 1000),
      ]
      let scaling = try GradientScaling(sumOfSquares: sumOfSquares(parts), maximum: 10, lossScale: lossScale.factor)
      try optimizer.step(learningRate: learningRate, scaling: scaling)
      try lossScale.update(skipped: scaling.skips)
      try norm.copyInPlace(scaling.norm)
    }
  }

  @Test("The sum of squares of 64 M gradients agrees with double precision")
  func manySquares() throws {
    let device = Device.cuda(0)
    let x = try Tensor.empty([64 << 20], device: device)
    try x.fillUniform(low: 0.5, high: 1.5, from: Generator(seed: 1, device: device))
    let expected = try x.to(.float64).power(2).sum().item()
    for parts in [[x], [try x.narrow(0, 0, 1001), try x.narrow(0, 1001, x.count - 1001)]] {
      #expect(try abs(sumOfSquares(parts).item() / expected - 1) < 1e-7)
    }
    #expect(try abs(x.norm().item() / expected.squareRoot() - 1) < 1e-6)
    #expect(try abs(x.sum().item() / x.to(.float64).sum().item() - 1) < 1e-6)
  }

  @Test(
    "Steps, one of them skipped, agree with the CPU, captured in a graph or not",
    arguments: [DType.bfloat16, .float16],
    [false, true])
  func sameAsCPU(_ type: DType, isRecorded: Bool) throws {
    let stream = try CUDAStream(device: 0)
    try stream.use()
    let (expected, found) = (
      try Update(on: .cpu, copying: type), try Update(on: .cuda(0), copying: type)
    )
    var graph: CUDAGraph?
    for (number, seed) in [UInt64(2), 3, nil, 4, 5].enumerated() {
      let rate = 0.01 / Double(number + 1)
      for update in [expected, found] { try update.prepare(seed, rate: rate) }
      try expected.apply()
      if isRecorded, number > 0 {
        if graph == nil { graph = try CUDAGraph { try found.apply() } }
        try graph?.replay()
      } else {
        try found.apply()
      }
      #expect(try found.optimizer.stepCount() == expected.optimizer.stepCount())
      let (norm, wanted) = (try found.norm.item(), try expected.norm.item())
      #expect(seed == nil ? !norm.isFinite : abs(norm - wanted) < 1e-5 * wanted)
      for (a, b) in [
        (found.parameters, expected.parameters), (found.optimizer.firstMoments, expected.optimizer.firstMoments),
        (found.optimizer.secondMoments, expected.optimizer.secondMoments),
      ] {
        #expect(try difference(a.storage.to(device: .cpu), b.storage) < 1e-5, "step \(number)")
      }
      let copies = try found.copies.storage.to(device: .cpu)
      #expect(try sameBits(copies, found.parameters.storage.to(device: .cpu).to(type)))
      #expect(try found.lossScale.state() == expected.lossScale.state())
    }
    try stream.synchronize()
  }
}
