import DPO
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Where memory runs out")
struct MemoryShortageTests {
  /// Refuses micro-batches of more tokens, as a device with so much memory does.
  private static func limit(_ trainer: Trainer, to tokens: Int) {
    trainer.failPasses { batch in
      batch.tokens.count <= tokens
        ? nil
        : TorchError(kind: .outOfMemory, operatorName: "test", reason: "no memory for \(batch.tokens.count) tokens")
    }
  }

  @Test("a step is taken again with smaller micro-batches, and the run is the same within 1e-5")
  func alone() throws {
    let pairs = smallPairs(24)
    let whole = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    let short = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    Self.limit(short, to: 50)
    let (expected, found) = (try whole.steps(), try short.steps())
    #expect(found.count == expected.count)
    for (expected, found) in zip(expected, found) {
      #expect(isClose(found.loss, expected.loss, within: 1e-5))
      #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
      #expect(found.metrics.tokens == expected.metrics.tokens)
      #expect(found.shrunkTo.map { $0 < 100 } != false)
    }
    #expect(found.last?.shrunkTo != nil)
    #expect(expected.allSatisfy { $0.shrunkTo == nil })
  }

  @Test("ranks agree when one of them has not enough, also in the middle of its exchange", arguments: [false, true])
  func ranks(shards: Bool) throws {
    let pairs = smallPairs(24)
    let expected = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }.steps()
    let reports = try asRanks(2, shardsOptimizer: shards) { ranks -> [StepReport] in
      var options = TrainingOptions()
      options.learningRate = 1e-3
      options.perDeviceBatchSize = 4
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: pairs, options: options, ranks: ranks)
      if ranks.rank == 1 { Self.limit(trainer, to: 30) }
      return try trainer.steps()
    }
    for found in reports {
      #expect(found.count == expected.count)
      for (expected, found) in zip(expected, found) {
        #expect(isClose(found.loss, expected.loss, within: 1e-5))
        #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
      }
    }
    #expect(reports[0].map(\.shrunkTo) == reports[1].map(\.shrunkTo))
  }

  @Test("where not even one pair fits, every rank says which, and what would help")
  func hopeless() throws {
    let trainer = try smallTrainer(smallPairs(8))
    Self.limit(trainer, to: 3)
    let error = #expect(throws: TrainingError.self) { try trainer.step() }
    let text = error?.description ?? ""
    for part in ["not even one pair", "--gradient-checkpointing", "--max-length", "MB"] {
      #expect(text.contains(part), "\(text)")
    }
    let messages = try asRanks(2) { ranks -> String in
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: smallPairs(8), options: TrainingOptions(), ranks: ranks)
      if ranks.rank == 1 { Self.limit(trainer, to: 3) }
      do {
        _ = try trainer.step()
        return "no error"
      } catch let error as TrainingError {
        return error.description
      }
    }
    for message in messages { #expect(message.contains("on rank 1"), "\(message)") }
  }

  @Test("a checkpoint keeps the size that memory sufficed for")
  func checkpoint() throws {
    let pairs = smallPairs(24)
    let trainer = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    Self.limit(trainer, to: 50)
    try trainer.steps(1)
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    let resumed = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    _ = try RunCheckpoint.restore(resumed, from: folder, identity: [:])
    #expect(resumed.options.microBatchTokens == trainer.options.microBatchTokens)
  }
}
