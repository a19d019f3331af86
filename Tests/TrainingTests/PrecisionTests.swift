import DPO
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Products of 16 bits")
struct PrecisionTests {
  private static func trainer(_ type: DType, _ pairs: [TokenizedPair], rate: Double = 1e-3) throws -> Trainer {
    let (policy, reference) = (try smallModel(), try smallModel())
    for model in [policy, reference] { try model.place(on: .cpu, multiplyingIn: type) }
    var options = TrainingOptions()
    options.learningRate = rate
    return try Trainer(policy: policy, reference: reference, pairs: pairs, options: options)
  }

  @Test(
    "forty steps in bfloat16 and float16 follow those in float32",
    arguments: [(DType.bfloat16, 2e-2), (.float16, 4e-3)])
  func follows(type: DType, tolerance: Double) throws {
    let pairs = smallPairs(160)
    let expected = try Self.trainer(.float32, pairs).steps()
    let trainer = try Self.trainer(type, pairs)
    var found: [StepReport] = []
    // Steps that only find the loss scale are taken without an update, in float16 as in PyTorch.
    found = try trainer.steps()
    #expect(found.count == 40)
    let compared = zip(expected, found).filter { !$0.1.isSkipped }
    #expect(compared.count >= 38)
    if found.allSatisfy({ !$0.isSkipped }) {
      for (expected, found) in compared {
        #expect(abs(found.loss - expected.loss) < tolerance, "step \(found.step)")
        #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 10 * tolerance), "step \(found.step)")
      }
    }
    #expect(try #require(found.last).loss < 0.69)
    // What is learnt stays in float32: a step of 1e-3 of 1e-3 is below what 16 bits can tell apart.
    #expect(trainer.policy.weights.storage.dtype == .float32)
  }

  @Test("the first step's gradients are those of float32 within a hundredth", arguments: [DType.bfloat16, .float16])
  func gradients(type: DType) throws {
    let pairs = smallPairs(16)
    func norm(_ type: DType) throws -> Double { try Self.trainer(type, pairs).step().gradientNorm }
    #expect(try isClose(norm(type), norm(.float32), within: 1e-2))
  }

  @Test("weights learn what is too little for their copies to show")
  func small() throws {
    let trainer = try Self.trainer(.bfloat16, smallPairs(16), rate: 1e-7)
    let before = try trainer.policy.weights.storage.detached().array(Float.self)
    try trainer.steps()
    let after = try trainer.policy.weights.storage.detached().array(Float.self)
    #expect(zip(before, after).count { $0 != $1 } > before.count / 2)
  }

  @Test("a loss scale that is too large is lowered, and the run goes on from there when it is resumed")
  func overflow() throws {
    let pairs = smallPairs(24)
    let trainer = try Self.trainer(.float16, pairs)
    try trainer.gradients.lossScale?.resume(factor: 3e38, steps: 0)
    let first = try trainer.step()
    #expect(first.isSkipped)
    #expect(try #require(first.lossScale) < 3e38)
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    let resumed = try Self.trainer(.float16, pairs)
    _ = try RunCheckpoint.restore(resumed, from: folder, identity: [:])
    #expect(try resumed.step().lossScale == trainer.step().lossScale)
    #expect(try resumed.policy.bits == trainer.policy.bits)
  }

  @Test("placing a model again, and copying it, keeps its weights")
  func place() throws {
    let model = try smallModel()
    let bits = try model.bits
    try model.place(on: .cpu, multiplyingIn: .bfloat16)
    let copy = try model.copy()
    #expect(copy.productType == .bfloat16)
    #expect(try copy.bits == bits)
    try model.place(on: .cpu)
    #expect(model.productType == .float32)
    #expect(try model.bits == bits)
  }
}

@Suite("Steps that are reported late, as on a GPU")
struct LateReportTests {
  final class Listener: TrainingObserver {
    var reports: [StepReport] = []
    var intervals: [IntervalReport] = []
    var places: [String] = []

    func trainer(_ trainer: Trainer, didStep report: StepReport) { reports.append(report) }
    func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) { intervals.append(interval) }
    func evaluate(_ trainer: Trainer) -> Bool {
      places.append("eval \(trainer.completedSteps), told \(reports.count)")
      return false
    }
    func save(_ trainer: Trainer, interval: IntervalReport) {
      places.append("save \(trainer.completedSteps), told \(reports.count)")
    }
  }

  private static func run(late: Bool, ranks: Ranks? = nil) throws -> (Listener, [UInt32]) {
    var options = TrainingOptions()
    options.learningRate = 1e-3
    (options.perDeviceBatchSize, options.loggingSteps, options.evaluationSteps, options.saveSteps) = (2, 3, 4, 5)
    let policy = try smallModel()
    let trainer = try Trainer(
      policy: policy, reference: smallModel(), pairs: smallPairs(30), options: options, ranks: ranks)
    trainer.reports = ReportQueue(for: policy.device, delay: late ? 1 : 0)
    let listener = Listener()
    _ = try trainer.run(until: StopRequest(), observer: listener)
    return (listener, try policy.bits)
  }

  @Test("tell the same of every step, with the same weights, evaluations and checkpoints")
  func same() throws {
    let (expected, bits) = try Self.run(late: false)
    let (found, lateBits) = try Self.run(late: true)
    #expect(lateBits == bits)
    #expect(found.reports.map(\.step) == Array(1...15))
    #expect(found.reports.map(\.metrics) == expected.reports.map(\.metrics))
    #expect(found.reports.map(\.gradientNorm) == expected.reports.map(\.gradientNorm))
    #expect(found.reports.map(\.learningRate) == expected.reports.map(\.learningRate))
    #expect(found.intervals.map(\.step) == expected.intervals.map(\.step))
    #expect(found.intervals.map(\.metrics) == expected.intervals.map(\.metrics))
    #expect(found.places == expected.places)
  }

  @Test("tell the sums of all ranks")
  func ranks() throws {
    let expected = try asRanks(2) { ranks in try Self.run(late: false, ranks: ranks).0.reports.map(\.metrics) }
    let found = try asRanks(2) { ranks in try Self.run(late: true, ranks: ranks).0.reports.map(\.metrics) }
    #expect(found == expected)
  }
}
