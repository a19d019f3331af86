import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Evaluation and the kept reference")
struct EvaluationTests {
  @Test("The sums are those of the pairs one by one", arguments: [true, false], [nil, 40])
  func sums(sharesPrefix: Bool, tokens: Int?) throws {
    let (policy, reference) = (try smallModel(seed: 1), try smallModel(seed: 2))
    let pairs = smallPairs(13)
    var options = TrainingOptions()
    (options.sharesPrefix, options.microBatchTokens, options.perDeviceBatchSize) = (sharesPrefix, tokens, 3)
    var counts: [Int] = []
    let evaluation = try Trainer.evaluate(
      policy, reference: ReferenceModel(reference), pairs: pairs, options: options
    ) {
      counts.append($0)
    }
    let sums = evaluation.metrics
    #expect(counts.last == 13)
    #expect(counts == counts.sorted())

    var expected = PreferenceMetrics()
    for pair in pairs {
      let alone = try Trainer.evaluate(policy, reference: ReferenceModel(reference), pairs: [pair], options: options)
      expected += alone.metrics
      let (found, wanted) = (evaluation.pairs[pair.index], try #require(alone.pairs.first))
      #expect(found.index == pair.index)
      #expect(isClose(found.loss, wanted.loss, within: 1e-5))
      #expect(isClose(found.margin, wanted.margin, within: 1e-4))
      #expect(isClose(found.logProbabilityMargin, wanted.logProbabilityMargin, within: 1e-4))
    }
    #expect(isClose(evaluation.pairs.map(\.loss).reduce(0, +), sums.loss, within: 1e-9))
    #expect(isClose(evaluation.pairs.map(\.rejectedReward).reduce(0, +), sums.rejectedRewards, within: 1e-9))
    #expect(sums.pairs == 13)
    #expect(sums.accuracies == expected.accuracies)
    #expect(sums.tokens == expected.tokens)
    for (found, wanted) in zip(sums.means, expected.means) {
      #expect(isClose(found.value, wanted.value, within: 1e-5), "\(found.name)")
    }
  }

  @Test("The pairs keep their order, and their numbers belong to them")
  func order() throws {
    let model = try smallModel()
    let pairs = Array(smallPairs(9).reversed())
    let evaluation = try Trainer.evaluate(
      model, reference: ReferenceModel(smallModel(seed: 2)), pairs: pairs, options: TrainingOptions())
    #expect(evaluation.pairs.map(\.index) == Array((0..<9).reversed()))
    #expect(Set(evaluation.pairs.map(\.loss)).count == 9)
  }

  @Test("It changes nothing in the model and leaves no gradients")
  func pure() throws {
    let trainer = try smallTrainer(smallPairs(8))
    try trainer.steps(1)
    let before = try trainer.policy.bits
    let (one, other) = (try evaluate(trainer), try evaluate(trainer))
    #expect(one == other)
    #expect(try trainer.policy.bits == before)
    #expect(isGradEnabled)
    // Another run with an evaluation between its steps goes the same way.
    let undisturbed = try smallTrainer(smallPairs(8))
    try undisturbed.steps()
    try trainer.steps()
    #expect(try trainer.policy.bits == undisturbed.policy.bits)
  }

  private func evaluate(_ trainer: Trainer) throws -> Evaluation {
    try Trainer.evaluate(
      trainer.policy, reference: ReferenceModel(smallModel()), pairs: smallPairs(6, seed: 4), options: trainer.options)
  }

  @Test("A kept reference gives the same losses, bit by bit, as one that is computed again")
  func kept() throws {
    let runs = try [true, false].map { caches in
      let trainer = try smallTrainer(smallPairs(11)) {
        ($0.epochs, $0.shuffles, $0.cachesReference) = (3, false, caches)
      }
      return try trainer.steps().map(\.metrics)
    }
    #expect(runs[0] == runs[1])
  }

  @Test("In another order of the pairs it agrees within 1e-5")
  func keptShuffled() throws {
    let runs = try [true, false].map { caches in
      try smallTrainer(smallPairs(11)) { ($0.epochs, $0.cachesReference) = (3, caches) }.steps()
    }
    for (kept, computed) in zip(runs[0], runs[1]) {
      #expect(isClose(kept.loss, computed.loss, within: 1e-5))
      #expect(isClose(kept.gradientNorm, computed.gradientNorm, within: 1e-5))
    }
  }

  @Test("What is kept is not computed again", arguments: [true, false])
  func computedOnce(caches: Bool) throws {
    let reference = try smallModel()
    var options = TrainingOptions()
    (options.epochs, options.cachesReference) = (2, caches)
    let trainer = try Trainer(policy: smallModel(), reference: reference, pairs: smallPairs(8), options: options)
    try trainer.steps(2)
    try reference.weights.storage.fillInPlace(.nan)
    #expect(try trainer.step().isSkipped == !caches)
  }
}
