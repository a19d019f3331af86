import DPO
import Foundation
import MiniMind
import ModelFixtures
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

/// The numerics contract at the size that users have: MiniMind-3's 63.9 million weights. Weights are `HashedWeights`, and
/// policy and reference differ from the first step on.
@Suite("A 64 M model trains as PyTorch does in double precision (Tools/reference/real_size_dpo.py)", .serialized)
struct RealSizeTrainingTests {
  let golden: RealSizeGolden

  init() throws {
    golden = try RealSizeGolden()
  }

  /// What may not change loss and gradient norm.
  enum Division: String, CaseIterable, Sendable {
    case oneMicroBatch, accumulated, dividedByTokens, unsharedPrefix, cachedReference
    case twoRanks, threeRanksWithZeRO1

    var ranks: Int {
      switch self {
      case .twoRanks: 2
      case .threeRanksWithZeRO1: 3
      default: 1
      }
    }

    func apply(to options: inout TrainingOptions) {
      switch self {
      case .oneMicroBatch: options.perDeviceBatchSize = 8
      case .accumulated: (options.perDeviceBatchSize, options.accumulationSteps) = (4, 2)
      case .dividedByTokens: (options.perDeviceBatchSize, options.microBatchTokens) = (8, 120)
      case .unsharedPrefix: (options.perDeviceBatchSize, options.sharesPrefix) = (8, false)
      case .cachedReference: (options.perDeviceBatchSize, options.cachesReference) = (8, true)
      case .twoRanks: options.perDeviceBatchSize = 4
      case .threeRanksWithZeRO1: options.perDeviceBatchSize = 3
      }
    }
  }

  /// The first step has the truth's weights. At the second, weights are rounded to float32, by a thousandth of an update.
  @Test("Loss and gradient norm are the truth's, and do not depend on how a step is divided")
  func divisions() throws {
    let expected = try steps(.oneMicroBatch)[0]
    for (step, (found, truth)) in zip(expected, golden.whole).enumerated() {
      let tolerance = step == 0 ? 5e-6 : 5e-5
      #expect(isClose(found.loss, truth.loss, within: tolerance), "\(found) instead of \(truth)")
      #expect(isClose(found.gradientNorm, truth.gradientNorm, within: tolerance), "\(found) instead of \(truth)")
    }
    for division in Division.allCases where division != .oneMicroBatch {
      for outcome in try steps(division) {
        #expect(outcome.count == expected.count)
        for (found, wanted) in zip(outcome, expected) {
          #expect(isClose(found.loss, wanted.loss, within: 5e-6), "\(division): \(found), not \(wanted)")
          #expect(
            isClose(found.gradientNorm, wanted.gradientNorm, within: 5e-6), "\(division): \(found), not \(wanted)")
        }
      }
    }
  }

  /// What each rank's steps over all pairs found.
  private func steps(_ division: Division) throws -> [[RealSizeGolden.Step]] {
    let golden = golden
    var options = golden.options(steps: golden.whole.count)
    division.apply(to: &options)
    let chosen = options
    guard division.ranks > 1 else { return [try golden.steps(golden.trainer(chosen))] }
    return try asRanks(division.ranks, shardsOptimizer: division == .threeRanksWithZeRO1) { ranks in
      try golden.steps(golden.trainer(chosen, ranks: ranks))
    }
  }

  @Test("A run of 20 steps follows PyTorch's within 1e-4 in loss")
  func run() throws {
    var options = golden.options(steps: golden.run.count)
    options.perDeviceBatchSize = 2
    let steps = try golden.steps(golden.trainer(options))
    #expect(steps.count == 20)
    for (step, (found, truth)) in zip(steps, golden.run).enumerated() {
      #expect(abs(found.loss - truth.loss) < 1e-4, "step \(step + 1)")
      #expect(isClose(found.gradientNorm, truth.gradientNorm, within: 1e-3), "step \(step + 1)")
    }
  }

  @Test("An evaluation has the same loss, in one process and over two")
  func evaluation() throws {
    let golden = golden
    let loss = try asRanks(2) { ranks in
      let (policy, reference) = (try golden.policy(), try ReferenceModel(golden.reference()))
      return try [nil, ranks].map { ranks in
        let sums = try Trainer.evaluate(
          policy, reference: reference, pairs: golden.pairs, options: golden.options(steps: 1), ranks: ranks
        ).metrics
        return sums.loss / sums.pairs
      }
    }
    for loss in loss.flatMap(\.self) { #expect(isClose(loss, golden.whole[0].loss, within: 5e-6)) }
  }

  @Test("The same seed gives the same bits, and so does a run that was resumed")
  func bits() throws {
    var options = golden.options(steps: 3)
    (options.perDeviceBatchSize, options.shuffles) = (2, true)
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-1")
    let hashes = try [false, true].map { writes in
      let trainer = try golden.trainer(options)
      try trainer.steps(1)
      if writes {
        try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
      }
      try trainer.steps()
      return try trainer.policy.contentHash()
    }
    #expect(hashes[0] == hashes[1])

    let resumed = try golden.trainer(options)
    _ = try RunCheckpoint.restore(resumed, from: folder, identity: [:])
    try resumed.steps()
    #expect(resumed.completedSteps == 3)
    #expect(try resumed.policy.contentHash() == hashes[0])
  }

  @Test("With matrix products in bfloat16 loss and gradient norm are those of float32 within a hundredth")
  func bfloat16() throws {
    var options = golden.options(steps: 1)
    options.perDeviceBatchSize = 8
    let (policy, reference) = (try golden.policy(), try golden.reference())
    for model in [policy, reference] { try model.place(on: .cpu, multiplyingIn: .bfloat16) }
    let trainer = try Trainer(policy: policy, reference: reference, pairs: golden.pairs, options: options)
    let found = try #require(try golden.steps(trainer).first)
    #expect(isClose(found.loss, golden.whole[0].loss, within: 1e-2), "\(found)")
    #expect(isClose(found.gradientNorm, golden.whole[0].gradientNorm, within: 1e-2), "\(found)")
    #expect(policy.weights.storage.dtype == .float32)
  }
}

/// What Tools/reference/real_size_dpo.py wrote.
struct RealSizeGolden: Sendable {
  /// Loss and gradient norm of one step.
  struct Step: Sendable {
    let loss: Double
    let gradientNorm: Double
  }

  let pairs: [TokenizedPair]
  /// Steps over all pairs.
  let whole: [Step]
  /// Steps over two pairs each.
  let run: [Step]
  private let seeds: (policy: UInt64, reference: UInt64)
  private let base: TrainingOptions

  init() throws {
    let json = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("real_size.json")))
    func seed(_ name: String) throws -> UInt64 { UInt64(try #require(json[name]?.int)) }
    seeds = (try seed("policy_seed"), try seed("reference_seed"))
    func steps(_ name: String) throws -> [Step] {
      try #require(json[name]?.array).map {
        Step(loss: try #require($0["loss"]?.double), gradientNorm: try #require($0["grad_norm"]?.double))
      }
    }
    (whole, run) = (try steps("whole"), try steps("run"))
    pairs = try #require(json["pairs"]?.array).enumerated().map { index, pair in
      func list(_ name: String) throws -> [Int] { try #require(pair[name]?.array).compactMap(\.int) }
      let (chosen, rejected) = (try list("chosen_ids"), try list("rejected_ids"))
      return TokenizedPair(
        index: index, chosenIDs: chosen.map(Int32.init), rejectedIDs: rejected.map(Int32.init),
        chosenTargets: try list("chosen_mask").map { $0 == 1 },
        rejectedTargets: try list("rejected_mask").map { $0 == 1 },
        sharedPrefix: zip(chosen, rejected).prefix { $0 == $1 }.count)
    }
    func option(_ name: String) throws -> Double { try #require(json["options"]?[name]?.double) }
    var options = TrainingOptions()
    options.loss = PreferenceLoss(beta: try option("beta"))
    options.learningRate = try option("learning_rate")
    options.adam = AdamW.Options(
      beta1: try option("adam_beta1"), beta2: try option("adam_beta2"), epsilon: try option("adam_epsilon"),
      weightDecay: try option("weight_decay"))
    options.maxGradientNorm = try option("max_grad_norm")
    (options.scheduleShape, options.shuffles, options.startsAtReference) = (.linear, false, false)
    base = options
  }

  func options(steps: Int) -> TrainingOptions {
    var options = base
    options.maxSteps = steps
    return options
  }

  func policy() throws -> CausalLM { try HashedWeights.miniMind3(seed: seeds.policy) }
  func reference() throws -> CausalLM { try HashedWeights.miniMind3(seed: seeds.reference) }

  func trainer(_ options: TrainingOptions, ranks: Ranks? = nil) throws -> Trainer {
    try Trainer(policy: policy(), reference: reference(), pairs: pairs, options: options, ranks: ranks)
  }

  /// Takes all steps.
  func steps(_ trainer: Trainer) throws -> [Step] {
    try trainer.prepareReference()
    return try trainer.steps().map { Step(loss: $0.loss, gradientNorm: $0.gradientNorm) }
  }
}
