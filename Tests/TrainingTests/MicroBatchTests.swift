import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("How many tokens run at once")
struct MicroBatchTests {
  private static let plenty = (used: 0, free: 1 << 40)

  @Test("The size that is found is one of those tried, and training with it is the same within 1e-5")
  func found() throws {
    let pairs = smallPairs(24)
    let whole = try smallTrainer(pairs) { $0.perDeviceBatchSize = 8 }
    let trainer = try smallTrainer(pairs) { ($0.perDeviceBatchSize, $0.findsMicroBatchTokens) = (8, true) }
    let before = try trainer.policy.bits
    let trials = try trainer.findMicroBatchTokens { Self.plenty }
    #expect(try trainer.policy.bits == before)

    let limit = try #require(trainer.options.microBatchTokens)
    #expect(trials.map(\.limit).contains(limit))
    #expect(trials.first?.limit == pairs.map(\.treeLength).max())
    for (trial, next) in zip(trials, trials.dropFirst()) { #expect(next.limit == 2 * trial.limit) }
    #expect(trials.allSatisfy { $0.tokens <= $0.limit && $0.tokens > 0 && $0.seconds > 0 })
    // It is known now.
    #expect(try trainer.findMicroBatchTokens { Self.plenty }.isEmpty)

    for (expected, found) in zip(try whole.steps(), try trainer.steps()) {
      #expect(isClose(found.loss, expected.loss, within: 1e-5))
      #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
      #expect(found.metrics.tokens == expected.metrics.tokens)
    }
  }

  @Test("No larger size is tried than memory may suffice for")
  func memory() throws {
    let pairs = smallPairs(64)
    let trainer = try smallTrainer(pairs) { ($0.perDeviceBatchSize, $0.findsMicroBatchTokens) = (32, true) }
    let longest = try #require(pairs.map(\.treeLength).max())
    // A thousand bytes a token are used by each trial, and there is room for three times the longest pair.
    var tried = 0
    let trials = try trainer.findMicroBatchTokens {
      defer { tried = max(longest, 2 * tried) }
      return (used: 1000 * tried, free: 3000 * longest)
    }
    // Twice as many are below four fifths of what is free, four times as many are not.
    #expect(trials.map(\.limit) == [longest, 2 * longest])
  }

  @Test("All ranks take the same size")
  func ranks() throws {
    let limits = try asRanks(3) { ranks in
      var options = TrainingOptions()
      (options.perDeviceBatchSize, options.findsMicroBatchTokens) = (8, true)
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: smallPairs(60), options: options, ranks: ranks)
      // They know of different memories.
      _ = try trainer.findMicroBatchTokens { (used: 0, free: ranks.rank == 1 ? 0 : 1 << 40) }
      _ = try trainer.step()
      return trainer.options.microBatchTokens
    }
    #expect(limits[0] != nil)
    #expect(Set(limits).count == 1)
  }

  @Test("A run that goes on keeps the size that was found, and with it every bit")
  func resumed() throws {
    let scratch = try Scratch()
    func trainer() throws -> Trainer {
      try smallTrainer(smallPairs(24)) { ($0.perDeviceBatchSize, $0.findsMicroBatchTokens) = (8, true) }
    }
    let whole = try trainer()
    _ = try whole.findMicroBatchTokens { Self.plenty }
    try whole.steps(1)
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(whole, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    try whole.steps()

    let resumed = try trainer()
    _ = try RunCheckpoint.restore(resumed, from: folder, identity: [:])
    #expect(resumed.options.microBatchTokens == whole.options.microBatchTokens)
    #expect(try resumed.findMicroBatchTokens { Self.plenty }.isEmpty)
    try resumed.steps()
    #expect(try resumed.policy.bits == whole.policy.bits)
  }

  @Test("Pairs are divided by their tokens, whatever their number: many short ones run at once")
  func divided() throws {
    let pairs = smallPairs(16)
    let tokens = pairs.map(\.treeLength).reduce(0, +)
    for limit in [1, tokens / 3, tokens] {
      let trainer = try smallTrainer(pairs) {
        ($0.perDeviceBatchSize, $0.accumulationSteps, $0.microBatchTokens) = (4, 4, limit)
      }
      let whole = try smallTrainer(pairs) { $0.perDeviceBatchSize = 16 }
      let (report, expected) = (try trainer.step(), try whole.step())
      #expect(report.metrics.pairs == 16)
      #expect(isClose(report.gradientNorm, expected.gradientNorm, within: 1e-5))
      // One batch has the very bits of the whole.
      if limit == tokens { #expect(report.gradientNorm == expected.gradientNorm) }
    }
  }

  @Test(
    "Pairs of a prompt run together where they meet in a step: fewer tokens, the same numbers, on any number of ranks")
  func sharedPrompts() throws {
    let pairs = smallPairs(12).flatMap { pair in
      (0..<2).map { number in
        var pair = pair
        pair.index = 2 * pair.index + number
        pair.promptKey = UInt64(1 + pair.index / 2)
        if number == 1 { pair.rejectedIDs[pair.rejectedIDs.count - 1] ^= 1 }
        return pair
      }
    }.enumerated().sorted { ($0.offset % 5, $0.offset) < ($1.offset % 5, $1.offset) }.map(\.element)
    let apart = pairs.map { pair in
      var pair = pair
      pair.promptKey = 0
      return pair
    }
    let whole = try smallTrainer(apart) { $0.perDeviceBatchSize = 12 }
    let expected = try whole.steps()
    for (batch, accumulation, tokens) in [(12, 1, nil), (4, 3, nil), (4, 3, 90), (1, 12, nil)] as [(Int, Int, Int?)] {
      let trainer = try smallTrainer(pairs) {
        ($0.perDeviceBatchSize, $0.accumulationSteps, $0.microBatchTokens) = (batch, accumulation, tokens)
      }
      for (expected, found) in zip(expected, try trainer.steps()) {
        #expect(isClose(found.loss, expected.loss, within: 1e-5))
        #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
        #expect(found.metrics.pairs == expected.metrics.pairs)
        if batch > 1 { #expect(found.metrics.tokens < expected.metrics.tokens) }
      }
    }
    let ranked = try asRanks(2) { ranks in
      var options = TrainingOptions()
      (options.learningRate, options.perDeviceBatchSize, options.accumulationSteps) = (1e-3, 3, 2)
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: pairs, options: options, ranks: ranks)
      return try trainer.steps().map(\.loss)
    }
    for (expected, found) in zip(expected, ranked[0]) { #expect(isClose(found, expected.loss, within: 1e-5)) }
  }
}
