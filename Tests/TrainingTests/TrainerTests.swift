import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("The optimizer step")
struct TrainerTests {
  /// How a global batch of 8 pairs is divided: pairs of a micro-batch, micro-batches, tokens of a micro-batch.
  static let divisions: [(size: Int, accumulation: Int, tokens: Int?)] = [
    (8, 1, nil), (4, 2, nil), (2, 4, nil), (1, 8, nil), (8, 1, 30), (8, 1, 60), (4, 2, 45), (8, 1, 1),
  ]

  @Test(
    "However the batch is divided, five steps have the same losses and gradient norms within 1e-5", arguments: divisions
  )
  func divisionOfBatch(size: Int, accumulation: Int, tokens: Int?) throws {
    let pairs = smallPairs(20)
    let whole = try smallTrainer(pairs) { ($0.perDeviceBatchSize, $0.epochs) = (8, 2) }
    let divided = try smallTrainer(pairs) {
      ($0.perDeviceBatchSize, $0.accumulationSteps, $0.microBatchTokens) = (size, accumulation, tokens)
      $0.epochs = 2
    }
    // The third step has the four pairs that are left of an epoch.
    for (expected, found) in zip(try whole.steps(5), try divided.steps(5)) {
      #expect(found.metrics.pairs == (found.step == 3 ? 4 : 8))
      #expect(isClose(found.loss, expected.loss, within: 1e-5))
      #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
      #expect(found.metrics.tokens == expected.metrics.tokens)
    }
  }

  @Test("The first loss is log 2 while policy and reference are the same", arguments: [true, false], [0, 0.2])
  func start(sharesPrefix: Bool, smoothing: Double) throws {
    let trainer = try smallTrainer(smallPairs(8)) {
      ($0.sharesPrefix, $0.loss.labelSmoothing) = (sharesPrefix, smoothing)
    }
    let report = try trainer.step()
    #expect(abs(report.loss - log(2)) < 1e-6)
    #expect(abs(report.metrics.chosenRewards) < 1e-4)
  }

  @Test("Another reference than the run believes in is noticed at the first step, and before any weight changes")
  func wrongStart() throws {
    let policy = try smallModel()
    var options = TrainingOptions()
    let trainer = try Trainer(policy: policy, reference: smallModel(seed: 2), pairs: smallPairs(8), options: options)
    let error = #expect(throws: TrainingError.self) { try trainer.step() }
    guard case .wrongStart(let loss, let expected)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(abs(loss - log(2)) > 1e-3 && abs(expected - log(2)) < 1e-9)
    #expect(error?.description.hasPrefix("step 1: the loss is \(loss), but") == true)
    #expect(try policy.bits == smallModel().bits)

    options.startsAtReference = false
    let aware = try Trainer(policy: policy, reference: smallModel(seed: 2), pairs: smallPairs(8), options: options)
    #expect(try abs(aware.step().loss - loss) < 1e-12)
  }

  @Test("The same seed gives the same weights, bit by bit")
  func repeated() throws {
    let runs = try (0..<2).map { _ in
      let trainer = try smallTrainer(smallPairs(11)) { ($0.epochs, $0.accumulationSteps) = (2, 1) }
      let reports = try trainer.steps()
      return (weights: try trainer.policy.bits, metrics: reports.map(\.metrics), norms: reports.map(\.gradientNorm))
    }
    #expect(runs[0].weights == runs[1].weights)
    #expect(runs[0].metrics == runs[1].metrics)
    #expect(runs[0].norms == runs[1].norms)
    #expect(try runs[0].weights != smallModel().bits)
  }

  @Test("Another seed takes the pairs in another order")
  func otherSeed() throws {
    let first = try smallTrainer(smallPairs(11)) { $0.seed = 1 }
    let second = try smallTrainer(smallPairs(11)) { $0.seed = 2 }
    #expect(first.plan.pairs(ofStep: 1) != second.plan.pairs(ofStep: 1))
    #expect(try first.steps().map(\.metrics) != second.steps().map(\.metrics))
    #expect(try first.policy.bits != second.policy.bits)
  }

  @Test("An epoch learns from every pair once, also where the last step is short")
  func epoch() throws {
    let pairs = smallPairs(11)
    // At rate 0 the sums of an epoch are those of all pairs.
    let trainer = try smallTrainer(pairs) { ($0.epochs, $0.learningRate) = (2, 0) }
    let reports = try trainer.steps()
    #expect(reports.map(\.metrics.pairs) == [4, 4, 3, 4, 4, 3])
    #expect(reports.map(\.epoch).last == 2)
    let all = try Trainer.evaluate(
      trainer.policy, reference: ReferenceModel(trainer.policy), pairs: pairs, options: trainer.options
    ).metrics
    for epoch in [reports[..<3], reports[3...]] {
      let chosen = epoch.map(\.metrics.chosenLogProbabilities).reduce(0, +)
      #expect(isClose(chosen, all.chosenLogProbabilities, within: 1e-6))
      #expect(epoch.map(\.metrics.tokens).reduce(0, +) == all.tokens)
    }
  }

  @Test("The gradient norm is reported as it was, and clipped for the update")
  func clipping() throws {
    let pairs = smallPairs(8)
    let loose = try smallTrainer(pairs) { $0.maxGradientNorm = 0 }
    let tight = try smallTrainer(pairs) { $0.maxGradientNorm = 1e-3 }
    #expect(try loose.step().gradientNorm == tight.step().gradientNorm)
    // AdamW's first update is the same for scaled gradients, except for epsilon; its second is not.
    try loose.steps(1)
    try tight.steps(1)
    #expect(try loose.policy.bits != tight.policy.bits)
  }

  @Test("The reference's weights never change, and the policy's do")
  func reference() throws {
    let (policy, reference) = (try smallModel(), try smallModel())
    var options = TrainingOptions()
    options.learningRate = 1e-3
    let trainer = try Trainer(policy: policy, reference: reference, pairs: smallPairs(8), options: options)
    let reports = try trainer.steps()
    #expect(reports.map(\.learningRate) == [1e-3, 5e-4])
    #expect(try reference.bits == smallModel().bits)
    #expect(try policy.bits != smallModel().bits)
    #expect(reports.allSatisfy { !$0.isSkipped && $0.own.times.data <= $0.seconds })
  }

  @Test("An unfinished trainer can be let go")
  func release() throws {
    for steps in 0...3 {
      weak var released: Trainer?
      do {
        let trainer = try smallTrainer(smallPairs(20))
        released = trainer
        try trainer.steps(steps)
      }
      #expect(released == nil)
    }
  }
}
