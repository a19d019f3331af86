import DPO
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite(
  "Training on a CUDA device", .enabled(if: Runtime.cudaDeviceCount > 0, "no CUDA device"), .serialized)
struct DeviceTrainingTests {
  private static let pairs = smallPairs(48, seed: 3)

  private static func trainer(
    on device: Device, _ type: DType = .float32, ranks: Ranks? = nil,
    _ change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> Trainer {
    // As the program does: graphs cannot be recorded on the default stream.
    if case .cuda(let index) = device { try CUDAStream(device: index).use() }
    let (policy, reference) = (try smallModel(), try smallModel())
    for model in [policy, reference] { try model.place(on: device, multiplyingIn: type) }
    var options = TrainingOptions()
    options.learningRate = 1e-3
    options.epochs = 2
    change(&options)
    return try Trainer(policy: policy, reference: reference, pairs: pairs, options: options, ranks: ranks)
  }

  /// Reports of all steps, with those that come late.
  private static func all(_ trainer: Trainer) throws -> [StepReport] {
    try trainer.prepareReference()
    var reports: [StepReport] = []
    while trainer.completedSteps < trainer.plan.totalSteps {
      if let report = try trainer.advance() { reports.append(report) }
    }
    if let last = try trainer.finish() { reports.append(last) }
    return reports
  }

  private func compare(_ found: [StepReport], _ expected: [StepReport], within tolerance: Double) {
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) {
      #expect(isClose(found.loss, expected.loss, within: tolerance), "step \(found.step)")
      #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 10 * tolerance), "step \(found.step)")
      #expect(found.metrics.tokens == expected.metrics.tokens)
    }
  }

  @Test(
    "float32: the steps are those of the CPU within 1e-4, recorded or not, whatever becomes of the reference",
    arguments: [true, false], [true, false])
  func sameAsCPU(records: Bool, cachesReference: Bool) throws {
    let expected = try Self.all(Self.trainer(on: .cpu) { $0.cachesReference = cachesReference })
    let trainer = try Self.trainer(on: .cuda(0)) {
      $0.cachesReference = cachesReference
      $0.recordsPasses = records
    }
    let found = try Self.all(trainer)
    compare(found, expected, within: 1e-4)
    #expect(trainer.recordingRefusal == nil)
    #expect(found.contains { $0.replayed.passes > 0 } == records)
    #expect(found.allSatisfy { ($0.onDevice?.elapsed ?? 0) > 0 })
  }

  @Test("16 bits: the steps are those of float32 within a hundredth", arguments: [DType.bfloat16, .float16])
  func lowPrecision(type: DType) throws {
    guard try type != .bfloat16 || CUDA.properties(of: 0).hasBFloat16 else { return }
    let expected = try Self.all(Self.trainer(on: .cpu))
    let trainer = try Self.trainer(on: .cuda(0), type)
    let found = try Self.all(trainer)
    #expect(trainer.recordingRefusal == nil)
    if !found.contains(where: \.isSkipped) { compare(found, expected, within: 1e-2) }
  }

  @Test("Layers that run again give the same, recorded as well")
  func recomputed() throws {
    let expected = try Self.all(Self.trainer(on: .cuda(0)))
    let trainer = try Self.trainer(on: .cuda(0))
    trainer.policy.recomputesLayers = true
    compare(try Self.all(trainer), expected, within: 1e-5)
    #expect(trainer.recordingRefusal == nil)
  }

  @Test("Two ranks share a device over Gloo, and send after the marks of recorded passes")
  func ranks() throws {
    let expected = try Self.all(Self.trainer(on: .cpu) { $0.perDeviceBatchSize = 8 })
    let reports = try asRanks(2) { ranks in
      let trainer = try Self.trainer(on: .cuda(0), ranks: ranks) {
        $0.perDeviceBatchSize = 2
        $0.accumulationSteps = 2
      }
      let reports = try Self.all(trainer)
      if let reason = trainer.recordingRefusal {
        throw TorchError(kind: .failed, operatorName: "recording", reason: reason)
      }
      return reports
    }
    for found in reports { compare(found, expected, within: 1e-4) }
  }

  @Test("A single rank exchanges with itself over NCCL, as several do")
  func nccl() throws {
    let expected = try Self.all(Self.trainer(on: .cpu))
    let (listening, port) = try freePort()
    let store = try Store.hosting(port: port, listening: listening)
    try CUDAStream(device: 0).use()
    let control = try ProcessGroup(
      gloo: store.reconnected(), rank: 0, size: 1, route: .address("127.0.0.1"), timeout: .seconds(60))
    let gradients = try ProcessGroup(nccl: store.prefixed("nccl"), rank: 0, size: 1, timeout: .seconds(60))
    let trainer = try Self.trainer(on: .cuda(0), ranks: Ranks(control: control, gradients: gradients))
    let found = try Self.all(trainer)
    compare(found, expected, within: 1e-4)
    #expect(trainer.recordingRefusal == nil)
    #expect(found.allSatisfy { $0.own.exchange > 0 })
    gradients.shutDown()
  }
}
