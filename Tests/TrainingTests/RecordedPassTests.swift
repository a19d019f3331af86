import DPO
import Preferences
import Testing
import Torch
import Training

/// What a CUDA graph is on the CPU: it runs the body again, over what the tensors hold then.
private struct Tape: Recording {
  let body: () throws -> Void

  func replay() throws(TorchError) {
    do {
      try body()
    } catch {
      throw error as? TorchError
        ?? TorchError(kind: .failed, operatorName: "replay", reason: String(describing: error))
    }
  }

  func nodeCount() throws(TorchError) -> Int { 100 }
}

/// Makes tapes, or fails to.
final class TapeRecorder: PassRecorder {
  private let failure: TorchError?
  private(set) var (runs, tries, clears) = (0, 0, 0)

  init(failure: TorchError? = nil) { self.failure = failure }

  func run(_ body: () throws -> Void) throws {
    runs += 1
    try body()
  }

  func record(_ body: @escaping () throws -> Void) throws -> any Recording {
    tries += 1
    if let failure { throw failure }
    return Tape(body: body)
  }

  func clear() { clears += 1 }
}

@Suite("Passes over padded micro-batches that are recorded once and replayed")
struct RecordedPassTests {
  /// Enough pairs for several sizes, and several micro-batches of each.
  static let pairs = smallPairs(40, seed: 5) + longPairs

  /// Pairs of one long side each, which fall into a larger size.
  private static var longPairs: [TokenizedPair] {
    smallPairs(8, seed: 6).enumerated().map { place, pair in
      var pair = pair
      pair.index = 40 + place
      pair.chosenIDs += (0..<200).map { Int32($0 % 64) }
      pair.chosenTargets += [Bool](repeating: true, count: 200)
      return pair
    }
  }

  static func compare(_ found: [StepReport], _ expected: [StepReport]) {
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) {
      #expect(isClose(found.loss, expected.loss, within: 1e-5))
      #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-4))
      #expect(found.metrics.pairs == expected.metrics.pairs)
      #expect(found.metrics.tokens == expected.metrics.tokens)
      #expect(found.metrics.accuracies == expected.metrics.accuracies)
      #expect(
        isClose(
          found.metrics.rejectedLogProbabilities, expected.metrics.rejectedLogProbabilities, within: 1e-5))
    }
  }

  @Test("are the passes over the batches as they are", arguments: [false, true])
  func sameSteps(cachesReference: Bool) throws {
    func trainer() throws -> Trainer {
      try smallTrainer(Self.pairs) {
        $0.cachesReference = cachesReference
        $0.accumulationSteps = 3
        $0.epochs = 2
      }
    }
    let (plain, recorded) = (try trainer(), try trainer())
    let recorder = TapeRecorder()
    recorded.record(by: recorder)
    for trainer in [plain, recorded] { try trainer.prepareReference() }
    let (expected, found) = (try plain.steps(), try recorded.steps())
    Self.compare(found, expected)
    let replayed = found.map(\.replayed.passes).reduce(0, +)
    // Each size runs once as it is, as the update does, and all but those that do not come again are recorded then.
    #expect(recorder.tries > 2 && recorder.runs >= recorder.tries)
    #expect(replayed == 3 * found.count - (recorder.runs - 1))
    #expect(found.map(\.replayed.kernels).reduce(0, +) == 100 * replayed)
    #expect(recorded.recordingRefusal == nil)
    #expect(expected.allSatisfy { $0.replayed == ReplayedPasses() })
  }

  @Test("run as they are where one cannot be recorded, which is tried once, and the reason is kept")
  func refused() throws {
    let (plain, recorded) = (try smallTrainer(Self.pairs), try smallTrainer(Self.pairs))
    let recorder = TapeRecorder(
      failure: TorchError(kind: .failed, operatorName: "CUDAGraph", reason: "an operator waits for the device"))
    recorded.record(by: recorder)
    let (expected, found) = (try plain.steps(), try recorded.steps())
    Self.compare(found, expected)
    #expect(recorder.tries == 1 && recorder.clears == 1)
    #expect(recorded.recordingRefusal?.contains("an operator waits for the device") == true)
    #expect(found.allSatisfy { $0.replayed.passes == 0 })
  }

  @Test("are all recorded after a rehearsal, which changes nothing else")
  func rehearsed() throws {
    let (plain, recorded) = (try smallTrainer(Self.pairs), try smallTrainer(Self.pairs))
    recorded.record(by: TapeRecorder())
    try recorded.rehearse()
    let (expected, found) = (try plain.steps(), try recorded.steps())
    Self.compare(found, expected)
    #expect(found.allSatisfy { $0.replayed.passes == 1 })
  }

  @Test("of several ranks send their gradients after the last one", arguments: [false, true])
  func ranks(shards: Bool) throws {
    let expected = try smallTrainer(Self.pairs) { $0.perDeviceBatchSize = 8 }.steps()
    let reports = try asRanks(2, shardsOptimizer: shards) { ranks -> [StepReport] in
      var options = TrainingOptions()
      options.learningRate = 1e-3
      options.perDeviceBatchSize = 2
      options.accumulationSteps = 2
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: Self.pairs, options: options, ranks: ranks)
      // One rank records, the other does not: neither knows of it.
      if ranks.rank == 0 { trainer.record(by: TapeRecorder()) }
      return try trainer.steps()
    }
    for found in reports { Self.compare(found, expected) }
    #expect(reports[0].contains { $0.replayed.passes > 0 })
  }

  @Test("give way to smaller ones where memory runs out")
  func shortOfMemory() throws {
    let pairs = smallPairs(24)
    let plain = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    let recorded = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    let recorder = TapeRecorder()
    recorded.record(by: recorder)
    recorded.failPasses { [unowned recorded] batch in
      batch.pairCount <= 4 || recorded.completedSteps < 2
        ? nil : TorchError(kind: .outOfMemory, operatorName: "test", reason: "no memory")
    }
    Self.compare(try recorded.steps(), try plain.steps())
    #expect(recorded.options.microBatchTokens != nil)
    #expect(recorder.clears > 0)
  }
}
