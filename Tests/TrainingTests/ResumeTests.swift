import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Resuming after every step")
struct ResumeTests {
  /// What is trained.
  enum Kind: String, CaseIterable {
    case allWeights, adapter, experts

    /// Twelve steps over two epochs of 23 pairs in an order of chance, each of two micro-batches; the reference is computed
    /// once. Of an adapter with dropout.
    func trainer() throws -> Trainer {
      let (policy, reference) = try models()
      var options = TrainingOptions()
      (options.epochs, options.perDeviceBatchSize, options.accumulationSteps) = (2, 2, 2)
      (options.loggingSteps, options.saveSteps, options.warmupSteps) = (5, 1, 2)
      (options.learningRate, options.adam.weightDecay, options.cachesReference) = (1e-3, 0.01, true)
      return try Trainer(policy: policy, reference: reference, pairs: smallPairs(23), options: options)
    }

    private func models() throws -> (policy: CausalLM, reference: CausalLM) {
      switch self {
      case .allWeights: return (try smallModel(), try smallModel())
      case .adapter:
        let policy = try smallModel()
        try policy.addAdapter(LoRAConfiguration(rank: 3, dropout: 0.2, targets: .allLinear), seed: 5)
        return (policy, try policy.base())
      case .experts:
        let folder = try goldens().appendingPathComponent("minimind_moe")
        return (try .pretrained(folder), try .pretrained(folder))
      }
    }
  }

  @Test(
    "From a checkpoint that was written while training went on, a run ends bit for bit as one that never stopped, whatever the step",
    arguments: Kind.allCases)
  func everyStep(kind: Kind) throws {
    let scratch = try Scratch()
    let whole = try kind.trainer()
    #expect(whole.plan.totalSteps == 12 && whole.plan.stepsPerEpoch == 6)
    let writer = Writer(scratch.url)
    #expect(try whole.run(until: StopRequest(), observer: writer) == nil)
    try writer.finish()
    let expected = try State(whole)

    for step in 1..<12 {
      let name = "checkpoint-\(step)"
      let resumed = try kind.trainer()
      let interval = try RunCheckpoint.restore(resumed, from: scratch.file(name), identity: [:])
      #expect(resumed.completedSteps == step && interval.steps == step % 5, "\(name)")
      let rest = Writer(nil)
      _ = try resumed.run(resuming: interval, until: StopRequest(), observer: rest)
      #expect(rest.reports.map(\.metrics) == writer.reports.dropFirst(step).map(\.metrics), "\(name)")
      #expect(rest.reports.map(\.gradientNorm) == writer.reports.dropFirst(step).map(\.gradientNorm), "\(name)")
      #expect(rest.intervals.map(\.metrics) == writer.intervals.suffix(rest.intervals.count).map(\.metrics), "\(name)")
      #expect(try State(resumed) == expected, "\(name)")
    }
  }

  @Test("A copy that is written while training goes on is the checkpoint that is written before, byte for byte")
  func sameBytes() throws {
    let scratch = try Scratch()
    let trainer = try Kind.allWeights.trainer()
    try trainer.steps(3)
    let notes = ["notes.json": Data("{}".utf8)]
    let contents = try #require(
      try RunCheckpoint.contents(of: trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], notes: notes))
    try contents.write(to: scratch.file("before"))
    let copy = try #require(try contents.copy())
    #expect(contents.byteCount > 0 && copy.step == 3)
    let after = scratch.file("after")
    let work = BackgroundWork(named: "checkpoint") { Result { try copy.write(to: after) } }
    try trainer.steps(3)
    try work.wait().get()

    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.file("before").path).sorted()
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("after").path).sorted() == names)
    #expect(names.contains("notes.json") && names.contains("reference.safetensors"))
    for name in names {
      #expect(
        try Data(contentsOf: scratch.file("after/\(name)")) == Data(contentsOf: scratch.file("before/\(name)")),
        "\(name)")
    }
  }

  @Test(
    "2, then 1, then 3 ranks: every pair once an epoch, in the order and with the losses of one process",
    arguments: [false, true])
  func otherRanks(shards: Bool) throws {
    let scratch = try Scratch()
    let pairs = smallPairs(24)
    let alone = try Self.trainer(pairs, ranks: nil)
    var losses: [Double] = []
    for (ranks, upTo) in [(2, 5), (1, 9), (3, 12)] {
      let from = losses.count
      let (before, after) = (scratch.file("checkpoint-\(from)"), scratch.file("checkpoint-\(upTo)"))
      let parts = try asRanks(ranks, shardsOptimizer: shards) { group -> [(loss: Double, indices: [Int])] in
        let trainer = try Self.trainer(pairs, ranks: group)
        if from > 0 {
          _ = try RunCheckpoint.restore(trainer, from: group.rank == 0 ? before : nil, identity: [:])
        }
        let steps = try (from..<upTo).map { _ in
          let report = try trainer.step()
          return (report.loss, trainer.plan.pairs(ofStep: report.step))
        }
        try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: after)
        return steps
      }
      for part in parts { #expect(part.map(\.indices) == (from..<upTo).map { alone.plan.pairs(ofStep: $0 + 1) }) }
      losses += parts[0].map(\.loss)
    }
    for (report, loss) in zip(try alone.steps(), losses) { #expect(isClose(loss, report.loss, within: 1e-5)) }
    #expect(losses.count == 12)
    for epoch in 0..<3 {
      let seen = (1...4).flatMap { alone.plan.pairs(ofStep: 4 * epoch + $0) }
      #expect(seen.sorted() == Array(0..<24))
    }
  }

  @Test("Of several ranks that write, each has the whole checkpoint, and any of them can read it for all")
  func writers() throws {
    let scratch = try Scratch()
    let folders = (0..<3).map { scratch.file("rank-\($0)") }
    let results = try asRanks(3) { group -> [[Float]] in
      let ranks = Ranks(control: group.control, shardsOptimizer: true, writers: [0, 2])
      let whole = try Self.trainer(smallPairs(24), ranks: ranks)
      try whole.steps(3)
      try RunCheckpoint.write(
        whole, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folders[ranks.rank])
      try whole.steps(2)
      let resumed = try Self.trainer(smallPairs(24), ranks: ranks)
      _ = try RunCheckpoint.restore(
        resumed, from: ranks.rank == 2 ? folders[2] : nil, reader: 2, identity: [:])
      try resumed.steps(2)
      return try [whole, resumed].map { try $0.policy.weights.storage.detached().array(Float.self) }
    }
    for runs in results { #expect(runs[0] == runs[1]) }
    #expect(!FileManager.default.fileExists(atPath: folders[1].path))
    for file in ["model.safetensors", "optimizer.safetensors"] {
      let bytes = try [0, 2].map { try Data(contentsOf: folders[$0].appendingPathComponent(file)) }
      #expect(bytes[0] == bytes[1], "\(file)")
    }
  }

  /// Twelve steps of six pairs with any number of ranks: four in an epoch.
  private static func trainer(_ pairs: [TokenizedPair], ranks: Ranks?) throws -> Trainer {
    var options = TrainingOptions()
    (options.epochs, options.perDeviceBatchSize) = (3, 6 / (ranks?.size ?? 1))
    (options.learningRate, options.adam.weightDecay) = (1e-3, 0.01)
    return try Trainer(policy: smallModel(), reference: smallModel(), pairs: pairs, options: options, ranks: ranks)
  }

  /// Every bit of what is trained, and of the optimizer's moments.
  private struct State: Equatable {
    let files: [String: Data]

    init(_ trainer: Trainer) throws {
      let scratch = try Scratch()
      let folder = scratch.file("state")
      try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
      var files: [String: Data] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".safetensors")
      {
        files[name] = try Data(contentsOf: folder.appendingPathComponent(name))
      }
      self.files = files
    }
  }

  /// Writes a checkpoint after each step while the next ones are taken.
  private final class Writer: TrainingObserver {
    var reports: [StepReport] = []
    var intervals: [IntervalReport] = []
    private let folder: URL?
    private var works: [BackgroundWork<Result<Void, any Error>>] = []

    init(_ folder: URL?) { self.folder = folder }

    func trainer(_ trainer: Trainer, didStep report: StepReport) { reports.append(report) }
    func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) { intervals.append(interval) }
    func evaluate(_ trainer: Trainer) -> Bool { false }

    func save(_ trainer: Trainer, interval: IntervalReport) throws {
      guard let folder else { return }
      let contents = try RunCheckpoint.contents(of: trainer, interval: interval, tokenizer: nil, identity: [:])
      let copy = try #require(try contents?.copy())
      let place = folder.appendingPathComponent("checkpoint-\(trainer.completedSteps)")
      works.append(BackgroundWork(named: "checkpoint") { Result { try copy.write(to: place) } })
    }

    func finish() throws { for work in works { try work.wait().get() } }
  }
}
