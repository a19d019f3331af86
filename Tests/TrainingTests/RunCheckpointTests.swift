import Checkpoints
import DPO
import Files
import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch
import Training

@Suite("Checkpoints and resuming")
struct RunCheckpointTests {
  /// Seven steps of at most four pairs: two epochs and one step, with a record every four steps.
  private func trainer(keepsReference: Bool = false) throws -> Trainer {
    try smallTrainer(smallPairs(11)) {
      ($0.maxSteps, $0.perDeviceBatchSize, $0.accumulationSteps) = (7, 2, 2)
      ($0.loggingSteps, $0.saveSteps) = (4, 1)
      ($0.warmupSteps, $0.adam.weightDecay, $0.cachesReference) = (2, 0.01, keepsReference)
    }
  }

  private static let identity = ["seed": "42", "pairs": "abc"]

  @Test("A run that stopped after any step and is resumed is the same bit by bit", arguments: [false, true])
  func resume(keepsReference: Bool) throws {
    let scratch = try Scratch()
    let whole = try trainer(keepsReference: keepsReference)
    let saver = Saver(scratch.url)
    #expect(try whole.run(until: StopRequest(), observer: saver) == nil)
    #expect(saver.saved == Array(1...7))

    for step in 1..<7 {
      let resumed = try trainer(keepsReference: keepsReference)
      let interval = try RunCheckpoint.restore(
        resumed, from: scratch.file("checkpoint-\(step)"), identity: Self.identity)
      #expect(resumed.completedSteps == step)
      #expect(interval.steps == step % 4)
      let other = try Scratch()
      let observer = Saver(other.url)
      _ = try resumed.run(resuming: interval, until: StopRequest(), observer: observer)
      #expect(observer.reports.map(\.metrics) == saver.reports.dropFirst(step).map(\.metrics))
      #expect(observer.reports.map(\.gradientNorm) == saver.reports.dropFirst(step).map(\.gradientNorm))
      #expect(observer.reports.map(\.learningRate) == saver.reports.dropFirst(step).map(\.learningRate))
      #expect(observer.reports.map(\.epoch) == saver.reports.dropFirst(step).map(\.epoch))
      #expect(
        observer.intervals.map(Interval.init) == saver.intervals.suffix(observer.intervals.count).map(Interval.init))
      #expect(observer.intervals.count == (step < 4 ? 2 : 1))
      for later in step + 1...7 {
        for file in ["model.safetensors", "optimizer.safetensors"] + (keepsReference ? ["reference.safetensors"] : []) {
          let name = "checkpoint-\(later)/\(file)"
          #expect(try Data(contentsOf: other.file(name)) == Data(contentsOf: scratch.file(name)), "\(name)")
        }
      }
    }
  }

  @Test("A trainer that has taken steps already can be put elsewhere, back or ahead")
  func elsewhere() throws {
    let scratch = try Scratch()
    let whole = try trainer()
    let saver = Saver(scratch.url)
    _ = try whole.run(until: StopRequest(), observer: saver)
    let expected = try whole.policy.bits

    let used = try trainer()
    try used.steps(4)
    for step in [2, 5] {
      _ = try RunCheckpoint.restore(used, from: scratch.file("checkpoint-\(step)"), identity: Self.identity)
      #expect(try used.step().metrics == saver.reports[step].metrics)
    }
    try used.steps()
    #expect(try used.policy.bits == expected)
  }

  @Test("A checkpoint is a model folder, with the moments under the parameters' names")
  func contents() throws {
    let scratch = try Scratch()
    let trainer = try trainer()
    try trainer.steps(2)
    let folder = scratch.file("checkpoint-2")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    #expect(try CausalLM.pretrained(folder).bits == trainer.policy.bits)
    let moments = try SafetensorsFile(contentsOf: folder.appendingPathComponent("optimizer.safetensors"))
    let names = trainer.policy.namedParameters.map(\.name)
    #expect(Set(moments.names) == Set(names.flatMap { ["first.\($0)", "second.\($0)"] }))
    for (name, parameter) in trainer.policy.namedParameters {
      #expect(moments["second.\(name)"]?.shape == parameter.shape)
      #expect(try moments.tensor("second.\(name)").max().item() > 0)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        == ["config.json", "manifest.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json"])
  }

  @Test("A damaged checkpoint is passed over, naming the file, for the one before", arguments: Damage.allCases)
  func damage(_ damage: Damage) throws {
    let scratch = try Scratch()
    let trainer = try trainer()
    let saver = Saver(scratch.url)
    _ = try trainer.run(until: StopRequest(), observer: saver)
    let folder = try RunFolder(scratch.url, existing: .resume)
    var reports: [String] = []
    #expect(try RunCheckpoint.newest(in: folder) { reports.append($0) }?.lastPathComponent == "checkpoint-7")
    #expect(reports.isEmpty)

    try damage.apply(to: folder.checkpoint(step: 7))
    #expect(try RunCheckpoint.newest(in: folder) { reports.append($0) }?.lastPathComponent == "checkpoint-6")
    #expect(reports.count == 1)
    #expect(reports[0].hasPrefix("\(folder.checkpoint(step: 7).path): "))
    #expect(reports[0].contains(damage.words), "\(reports[0])")
    #expect(throws: FileError.self) {
      try RunCheckpoint.restore(trainer, from: folder.checkpoint(step: 7), identity: Self.identity)
    }

    for step in 1...6 { try damage.apply(to: folder.checkpoint(step: step)) }
    let error = #expect(throws: TrainingError.self) { try RunCheckpoint.newest(in: folder) { _ in } }
    guard case .noCheckpoint(let path, let problems)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(path == scratch.url.path)
    #expect(problems.count == 7)
    #expect(problems.allSatisfy { $0.contains(damage.words) })
  }

  @Test(
    "A state that no run can have is refused, and the trainer stays as it was",
    arguments: [
      (#""step" : 2"#, #""step" : -3"#), (#""step" : 2"#, #""step" : 999999"#),
      (#""optimizerSteps" : 2"#, #""optimizerSteps" : 3"#), (#""skippedSteps" : 0"#, #""skippedSteps" : -1"#),
      (#""skippedInARow" : 0"#, #""skippedInARow" : 5"#),
    ])
  func impossibleState(_ before: String, _ after: String) throws {
    let scratch = try Scratch()
    let trainer = try trainer()
    try trainer.steps(2)
    let folder = scratch.file("checkpoint-2")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    let file = folder.appendingPathComponent("trainer_state.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.contains("  \(before)"), "\(text)")
    try rewrite(folder) {
      try Data(text.replacing("\n  \(before)", with: "\n  \(after)").utf8).write(
        to: $0.appendingPathComponent("trainer_state.json"))
    }
    let other = try self.trainer()
    let error = #expect(throws: FileError.self) { try RunCheckpoint.restore(other, from: folder, identity: [:]) }
    #expect(error?.reason == .damaged)
    #expect(error?.problem.contains("expected 0 to") == true, "\(error as Any)")
    #expect(other.completedSteps == 0)
  }

  @Test("A manifest that does not name all that a checkpoint holds makes no checkpoint whole")
  func emptyManifest() throws {
    let scratch = try Scratch()
    let trainer = try trainer()
    try trainer.steps(1)
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    try Data(#"{"version": 1, "files": {}}"#.utf8).write(to: folder.appendingPathComponent("manifest.json"))
    let error = #expect(throws: FileError.self) { try RunCheckpoint.restore(trainer, from: folder, identity: [:]) }
    #expect(error?.problem.contains("optimizer.safetensors") == true)
  }

  /// Changes a checkpoint and makes its manifest fit.
  private func rewrite(_ folder: URL, _ change: (URL) throws -> Void) throws {
    let copy = folder.appendingPathExtension("copy")
    try FileManager.default.copyItem(at: folder, to: copy)
    try change(copy)
    try AtomicDirectory.write(to: folder, replacing: true) { staging in
      for name in try FileManager.default.contentsOfDirectory(atPath: copy.path) where name != "manifest.json" {
        try FileManager.default.copyItem(
          at: copy.appendingPathComponent(name), to: staging.appendingPathComponent(name))
      }
    }
  }

  @Test("A run with other settings, or another reference, does not go on; all differences are listed")
  func otherRun() throws {
    let scratch = try Scratch()
    let first = try trainer()
    try first.steps(1)
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(first, interval: IntervalReport(), tokenizer: nil, identity: Self.identity, to: folder)

    func differences(_ trainer: Trainer, _ identity: [String: String]) throws -> [String] {
      let before = try trainer.policy.bits
      let error = #expect(throws: TrainingError.self) {
        try RunCheckpoint.restore(trainer, from: folder, identity: identity)
      }
      #expect(try trainer.policy.bits == before)
      #expect(trainer.completedSteps == 0)
      guard case .otherRun(let path, let differences)? = error else { return [] }
      #expect(path == folder.path)
      #expect(differences.allSatisfy { error?.description.contains("\n  " + $0) == true })
      return differences
    }
    #expect(
      try differences(trainer(), ["seed": "43", "beta": "0.1"])
        == ["beta: not set there, 0.1 now", "pairs: abc there, not set now", "seed: 42 there, 43 now"])
    let other = try Trainer(
      policy: smallModel(), reference: smallModel(seed: 2), pairs: smallPairs(11), options: first.options)
    let found = try differences(other, Self.identity)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("reference model: ") == true)
  }

  @Test("A stopped run saves where it stands and says who stopped it")
  func stop() throws {
    let scratch = try Scratch()
    let trainer = try smallTrainer(smallPairs(11)) { ($0.maxSteps, $0.loggingSteps) = (7, 4) }
    let stop = StopRequest()
    let saver = Saver(scratch.url)
    saver.onStep = { if $0.step == 2 { ["SIGTERM", "SIGINT"].forEach(stop.request) } }
    #expect(try trainer.run(until: stop, observer: saver) == "SIGTERM")
    #expect(saver.saved == [2])
    #expect(saver.intervals.isEmpty)
    let resumed = try smallTrainer(smallPairs(11)) { ($0.maxSteps, $0.loggingSteps) = (7, 4) }
    let interval = try RunCheckpoint.restore(resumed, from: scratch.file("checkpoint-2"), identity: Self.identity)
    #expect(interval.steps == 2)
    // Asked for in the last step, there is nothing left to stop.
    #expect(try resumed.run(resuming: interval, until: lateStop(resumed), observer: Saver(scratch.url)) == nil)
    #expect(resumed.completedSteps == 7)
  }

  private func lateStop(_ trainer: Trainer) throws -> StopRequest {
    try trainer.steps(trainer.plan.totalSteps - trainer.completedSteps - 1)
    let stop = StopRequest()
    stop.request(by: "SIGINT")
    return stop
  }

  @Test("Records, evaluations and checkpoints come at their steps, and the last record whatever the step")
  func rhythm() throws {
    let scratch = try Scratch()
    let trainer = try smallTrainer(smallPairs(11)) {
      ($0.maxSteps, $0.loggingSteps, $0.evaluationSteps, $0.saveSteps) = (7, 3, 2, 5)
    }
    let saver = Saver(scratch.url)
    _ = try trainer.run(until: StopRequest(), observer: saver)
    #expect(saver.intervals.map(\.step) == [3, 6, 7])
    #expect(saver.intervals.map(\.steps) == [3, 3, 1])
    #expect(saver.intervals.map(\.metrics.pairs) == [11, 11, 4])
    #expect(saver.evaluated == [2, 4, 6])
    #expect(saver.saved == [5])
    for interval in saver.intervals {
      var sums = PreferenceMetrics()
      for report in saver.reports where report.step > interval.step - interval.steps && report.step <= interval.step {
        sums += report.metrics
      }
      #expect(interval.metrics == sums)
      #expect(interval.gradientNorm == saver.reports[interval.step - 1].gradientNorm)
      #expect(interval.learningRate == saver.reports[interval.step - 1].learningRate)
      #expect(interval.seconds >= interval.dataWait && interval.seconds > 0)
    }
  }

  /// All of an interval that does not depend on the clock.
  private struct Interval: Equatable {
    var step, steps: Int
    var epoch, gradientNorm, learningRate: Double
    var metrics: PreferenceMetrics

    init(_ report: IntervalReport) {
      (step, steps, epoch) = (report.step, report.steps, report.epoch)
      (gradientNorm, learningRate, metrics) = (report.gradientNorm, report.learningRate, report.metrics)
    }
  }

  /// What can happen to a file.
  enum Damage: CaseIterable {
    case flippedByte, truncatedFile, missingFile, missingManifest

    func apply(to folder: URL) throws {
      let weights = folder.appendingPathComponent("model.safetensors")
      switch self {
      case .flippedByte:
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: weights)
      case .truncatedFile:
        try Data(contentsOf: weights).dropLast().write(to: weights)
      case .missingFile:
        try FileManager.default.removeItem(at: weights)
      case .missingManifest:
        try FileManager.default.removeItem(at: folder.appendingPathComponent("manifest.json"))
      }
    }

    var words: String {
      switch self {
      case .flippedByte: "model.safetensors has different contents than were written"
      case .truncatedFile: "model.safetensors has "
      case .missingFile: "model.safetensors is missing"
      case .missingManifest: "is not a finished checkpoint: it has no manifest.json"
      }
    }
  }

  /// Writes checkpoints and remembers what it was told.
  private final class Saver: TrainingObserver {
    var reports: [StepReport] = []
    var intervals: [IntervalReport] = []
    var evaluated: [Int] = []
    var saved: [Int] = []
    var onStep: (StepReport) -> Void = { _ in }
    private let folder: URL

    init(_ folder: URL) { self.folder = folder }

    func trainer(_ trainer: Trainer, didStep report: StepReport) {
      reports.append(report)
      onStep(report)
    }

    func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) { intervals.append(interval) }

    func evaluate(_ trainer: Trainer) -> Bool {
      evaluated.append(trainer.completedSteps)
      return false
    }

    func save(_ trainer: Trainer, interval: IntervalReport) throws {
      saved.append(trainer.completedSteps)
      try RunCheckpoint.write(
        trainer, interval: interval, tokenizer: nil, identity: RunCheckpointTests.identity,
        to: folder.appendingPathComponent("checkpoint-\(trainer.completedSteps)"))
    }
  }
}
