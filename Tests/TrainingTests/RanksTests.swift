import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Several ranks train as one process does", .serialized)
struct RanksTests {
  /// What a run of several ranks left: losses, gradient norms, weights.
  struct Outcome: Sendable {
    var losses: [Double] = []
    var norms: [Double] = []
    var pairs: [Double] = []
    var weights: [Float] = []
  }

  /// Global batches of 12 pairs in every case: rank × pairs × accumulation.
  static func options(_ ranks: Int) -> TrainingOptions {
    var options = TrainingOptions()
    options.learningRate = 1e-3
    options.perDeviceBatchSize = ranks == 4 ? 3 : 12 / ranks
    options.epochs = 2
    return options
  }

  static func run(_ trainer: Trainer) throws -> Outcome {
    var outcome = Outcome()
    try trainer.prepareReference()
    while trainer.completedSteps < trainer.plan.totalSteps {
      let report = try trainer.step()
      outcome.losses.append(report.metrics.loss / report.metrics.pairs)
      outcome.norms.append(report.gradientNorm)
      outcome.pairs.append(report.metrics.pairs)
    }
    outcome.weights = try trainer.policy.weights.storage.detached().array(Float.self)
    return outcome
  }

  static func alone(_ pairs: [TokenizedPair], caches: Bool = false) throws -> Outcome {
    var options = options(1)
    options.cachesReference = caches
    return try run(Trainer(policy: smallModel(), reference: smallModel(), pairs: pairs, options: options))
  }

  /// 31 pairs make steps of 12, 12 and 7; with one more pair than two steps hold, most ranks have none in the third.
  @Test(
    "1, 2, 3 and 4 ranks have the same losses, gradient norms and weights within 1e-5, with and without ZeRO-1",
    arguments: [1, 2, 3, 4], [false, true])
  func ranksEqualOneProcess(size: Int, shards: Bool) throws {
    for count in [31, 25] {
      let pairs = smallPairs(count)
      let expected = try Self.alone(pairs)
      let outcomes = try asRanks(size, shardsOptimizer: shards) { ranks in
        try Self.run(
          Trainer(
            policy: smallModel(), reference: smallModel(), pairs: pairs, options: Self.options(size), ranks: ranks))
      }
      #expect(outcomes.count == size)
      for outcome in outcomes {
        #expect(outcome.pairs == expected.pairs)
        for (found, wanted) in zip(outcome.losses, expected.losses) { #expect(isClose(found, wanted, within: 1e-5)) }
        for (found, wanted) in zip(outcome.norms, expected.norms) { #expect(isClose(found, wanted, within: 1e-5)) }
        #expect(distance(outcome.weights, expected.weights) < 1e-5)
        #expect(outcome.weights == outcomes[0].weights, "ranks differ from one another")
      }
    }
  }

  @Test(
    "Copies of 16 bits are the weights after every update, with and without ZeRO-1", arguments: [1, 3], [false, true])
  func copies(size: Int, shards: Bool) throws {
    let areInLine = try asRanks(size, shardsOptimizer: shards) { ranks -> [Bool] in
      let (policy, reference) = (try smallModel(), try smallModel())
      for model in [policy, reference] { try model.place(on: .cpu, multiplyingIn: .bfloat16) }
      let trainer = try Trainer(
        policy: policy, reference: reference, pairs: smallPairs(24), options: Self.options(size), ranks: ranks)
      return try (1...2).map { _ in
        _ = try trainer.step()
        let weights = try policy.weights.storage.detached().to(.bfloat16)
        return try policy.copies.map { try $0.storage.notEqual(weights).any().item() == 0 } ?? false
      }
    }
    #expect(areInLine.allSatisfy { $0 == [true, true] })
  }

  @Test("Ranks that start with other weights are given the first one's")
  func broadcast() throws {
    let pairs = smallPairs(12)
    let expected = try Self.alone(pairs)
    let outcomes = try asRanks(2) { ranks in
      let policy = try smallModel(seed: UInt64(1 + ranks.rank))
      return try Self.run(
        Trainer(policy: policy, reference: smallModel(), pairs: pairs, options: Self.options(2), ranks: ranks))
    }
    for outcome in outcomes { #expect(distance(outcome.weights, expected.weights) < 1e-5) }
  }

  @Test("The reference's log-probabilities, computed in shares beforehand, give the same run", arguments: [1, 2, 3])
  func cachedReference(size: Int) throws {
    let pairs = smallPairs(31)
    let expected = try Self.alone(pairs)
    #expect(distance(try Self.alone(pairs, caches: true).weights, expected.weights) < 1e-5)
    let outcomes = try asRanks(size) { ranks in
      var options = Self.options(size)
      options.cachesReference = true
      return try Self.run(
        Trainer(policy: smallModel(), reference: smallModel(), pairs: pairs, options: options, ranks: ranks))
    }
    for outcome in outcomes { #expect(distance(outcome.weights, expected.weights) < 1e-5) }
  }

  @Test(
    "A pass over the reference that is stopped keeps what it has; going on, it gives the same bits as one in one go",
    arguments: [1, 2, 3])
  func stoppedReference(size: Int) throws {
    let runs = try [false, true].map { stops in
      try asRanks(size) { ranks -> Outcome in
        var options = Self.options(size)
        (options.cachesReference, options.perDeviceBatchSize) = (true, 2)
        let trainer = try Trainer(
          policy: smallModel(), reference: smallModel(), pairs: smallPairs(31), options: options, ranks: ranks)
        if stops {
          var asked = 0
          // The first is the only one that is asked to stop.
          let prepared = try trainer.prepareReference(stops: {
            asked += 1
            return ranks.rank == 0 && asked == 3
          })
          #expect(!prepared.isComplete)
        }
        return try Self.run(trainer)
      }
    }
    #expect(runs[0].map(\.weights) == runs[1].map(\.weights))
    #expect(runs[0].map(\.losses) == runs[1].map(\.losses))
  }

  @Test("An evaluation that one rank stops is of fewer pairs on all of them")
  func stoppedEvaluation() throws {
    let found = try asRanks(3) { ranks in
      try Trainer.evaluate(
        smallModel(), reference: ReferenceModel(smallModel()), pairs: smallPairs(9), options: Self.options(3),
        ranks: ranks, stops: { ranks.rank == 1 })
    }
    for evaluation in found {
      let pairs = evaluation.metrics.pairs
      #expect(pairs > 0 && pairs < 9 && evaluation == found[0])
      #expect(evaluation.pairs.count == Int(pairs))
    }
  }

  @Test("Held-out pairs are measured in shares, with the same means", arguments: [2, 3])
  func evaluation(size: Int) throws {
    let pairs = smallPairs(7)
    let expected = try Trainer.evaluate(
      smallModel(), reference: ReferenceModel(smallModel(seed: 2)), pairs: pairs, options: TrainingOptions())
    let found = try asRanks(size) { ranks in
      try Trainer.evaluate(
        smallModel(), reference: ReferenceModel(smallModel(seed: 2)), pairs: pairs, options: TrainingOptions(),
        ranks: ranks)
    }
    for evaluation in found {
      let sums = evaluation.metrics
      #expect(evaluation == found[0], "ranks disagree")
      #expect(sums.pairs == 7 && sums.tokens == expected.metrics.tokens)
      #expect(isClose(sums.loss, expected.metrics.loss, within: 1e-6))
      #expect(isClose(sums.chosenRewards, expected.metrics.chosenRewards, within: 1e-5))
      #expect(evaluation.pairs.map(\.index) == Array(0..<7))
      for (pair, wanted) in zip(evaluation.pairs, expected.pairs) {
        #expect(isClose(pair.loss, wanted.loss, within: 1e-5))
        #expect(isClose(pair.chosenReward, wanted.chosenReward, within: 1e-4))
        #expect(isClose(pair.rejectedLogProbability, wanted.rejectedLogProbability, within: 1e-5))
      }
    }
  }

  @Test("A stop requested of one rank stops all after the same step")
  func stop() throws {
    let stops = try asRanks(3) { ranks -> [Bool] in
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: smallPairs(24), options: Self.options(3), ranks: ranks)
      return try (1...3).map { step in try trainer.step { ranks.rank == 1 && step == 2 }.stopRequested }
    }
    #expect(stops == [[false, true, false], [false, true, false], [false, true, false]])
  }

  @Test("A gradient that is not a number on one rank leaves out the step's update on all of them")
  func notFinite() throws {
    let before = try smallModel().weights.storage.array(Float.self)
    let outcomes = try asRanks(2) { ranks -> (isSkipped: Bool, weights: [Float]) in
      var options = Self.options(2)
      options.startsAtReference = false
      let reference = try smallModel()
      if ranks.rank == 1 { try reference.weights.storage.fillInPlace(.nan) }
      let policy = try smallModel()
      let trainer = try Trainer(
        policy: policy, reference: reference, pairs: smallPairs(12), options: options, ranks: ranks)
      return (try trainer.step().isSkipped, try policy.weights.storage.detached().array(Float.self))
    }
    for outcome in outcomes {
      #expect(outcome.isSkipped)
      #expect(outcome.weights == before)
    }
  }

  @Test(
    "A checkpoint of some ranks continues on any other number of them", arguments: [(2, 3), (3, 1), (1, 4), (4, 2)],
    [false, true])
  func resume(sizes: (from: Int, to: Int), shards: Bool) throws {
    let pairs = smallPairs(31)
    let expected = try Self.alone(pairs)
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-2")
    _ = try asRanks(sizes.from, shardsOptimizer: shards) { ranks in
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: pairs, options: Self.options(sizes.from), ranks: ranks)
      for _ in 0..<2 { _ = try trainer.step() }
      try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    }
    let outcomes = try asRanks(sizes.to, shardsOptimizer: shards) { ranks in
      let trainer = try Trainer(
        policy: smallModel(seed: 9), reference: smallModel(), pairs: pairs, options: Self.options(sizes.to),
        ranks: ranks)
      _ = try RunCheckpoint.restore(trainer, from: ranks.rank == 0 ? folder : nil, identity: [:])
      return try Self.run(trainer)
    }
    for outcome in outcomes {
      #expect(outcome.losses.count == expected.losses.count - 2)
      for (found, wanted) in zip(outcome.losses, expected.losses.dropFirst(2)) {
        #expect(isClose(found, wanted, within: 1e-5))
      }
      #expect(distance(outcome.weights, expected.weights) < 1e-5)
    }
  }

  @Test("A rank that is gone ends the others with an error of communication")
  func lostPeer() throws {
    let kinds = try asRanks(2) { ranks -> TorchError.Kind? in
      let trainer = try Trainer(
        policy: smallModel(), reference: smallModel(), pairs: smallPairs(24), options: Self.options(2), ranks: ranks)
      _ = try trainer.step()
      if ranks.rank == 1 { return nil }  // Its group goes with it.
      do {
        _ = try trainer.step()
        return nil
      } catch let error as TorchError {
        return error.kind
      }
    }
    #expect(kinds[0] == .communication)
    // Writing to a socket whose other end is gone ends a process by default.
    var action = sigaction()
    #expect(sigaction(SIGPIPE, nil, &action) == 0)
    #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != 0, "SIGPIPE has its default")
  }
}

/// ‖a − b‖ / ‖b‖
func distance(_ found: [Float], _ expected: [Float]) -> Double {
  let difference = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
  return (difference / expected.reduce(0.0) { $0 + pow(Double($1), 2) }).squareRoot()
}
