import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Gradients that are not finite")
struct NotFiniteTests {
  private let trainer: Trainer

  init() throws {
    trainer = try smallTrainer(smallPairs(20)) {
      ($0.epochs, $0.startsAtReference, $0.shuffles) = (10, false, false)
    }
  }

  @Test("Their updates are left out, and five in a row end the run, naming step, cause and pairs")
  func inARow() throws {
    try poison()
    trainer.dataFiles = ["pairs.jsonl"]
    let before = try trainer.policy.bits
    for step in 1...4 {
      let report = try trainer.step()
      #expect(report.isSkipped)
      #expect(report.notFinite?.step == step)
      #expect(!report.gradientNorm.isFinite)
      #expect(trainer.skippedSteps == step)
    }
    let error = #expect(throws: TrainingError.self) { try trainer.step() }
    guard case .notFinite(let last, let count, _)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(last.step == 5)
    #expect(count == 5)
    #expect(last.cause == .weights(["model.norm.weight"]))
    #expect(last.pairs.map(\.index) == [16, 17, 18, 19])
    for words in ["step 5", "5 steps in a row", "--max-skipped-steps", "model.norm.weight", "earlier checkpoint"] {
      #expect(error?.description.contains(words) == true, "\(words) ∉ \(error as Any)")
    }
    #expect(try trainer.policy.bits == before)
  }

  @Test("A finite one in between resets the count, and training goes on")
  func recovery() throws {
    for _ in 0..<2 {
      try poison()
      try trainer.steps(4)
      try heal()
      #expect(try !trainer.step().isSkipped)
    }
    #expect(trainer.skippedSteps == 8)
    #expect(trainer.completedSteps == 10)
  }

  @Test("The count and the NaN in the sums of the interval survive a checkpoint")
  func checkpoint() throws {
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-3")
    try poison()
    var interval = IntervalReport()
    interval.metrics = try trainer.steps(3)[2].metrics
    interval.gradientNorm = -.infinity
    #expect(interval.metrics.loss.isNaN)
    // Weights that are not finite would be refused when they are loaded.
    try heal()
    try RunCheckpoint.write(trainer, interval: interval, tokenizer: nil, identity: [:], to: folder)

    let resumed = try NotFiniteTests()
    let restored = try RunCheckpoint.restore(resumed.trainer, from: folder, identity: [:])
    #expect(restored.metrics.loss.isNaN)
    #expect(restored.gradientNorm == -.infinity)
    #expect(resumed.trainer.skippedSteps == 3)
    try resumed.poison()
    #expect(try resumed.trainer.step().isSkipped)
    #expect(throws: TrainingError.self) { try resumed.trainer.step() }
  }

  @Test("A pair whose log-probability is not finite is named alone", arguments: [1, 2])
  func onePair(ranks: Int) throws {
    let found = try asRanks(ranks) { ranks in
      let trainer = try Self.withBadReference(ranks)
      return try #require(trainer.step().notFinite)
    }
    let bad = Self.pairs.prefix(8).filter { ($0.chosenIDs + $0.rejectedIDs).contains(63) }
    #expect(!bad.isEmpty && bad.count < 8, "the pairs of the step must differ")
    for step in found {
      #expect(step.cause == .reference)
      #expect(step.pairs.map(\.index) == bad.map(\.index))
      #expect(step.description(files: ["a.jsonl"]).contains(bad.map { "a.jsonl:\($0.line)" }.joined(separator: ", ")))
    }
  }

  @Test("Where all log-probabilities are finite, the backward pass is to blame, and a long list of pairs is cut")
  func gradient() throws {
    let trainer = try smallTrainer(smallPairs(20)) {
      ($0.loss.beta, $0.perDeviceBatchSize, $0.shuffles) = (3e38, 20, false)
    }
    let found = try #require(trainer.step().notFinite)
    #expect(found.cause == .gradient)
    #expect(found.pairs.count == 20)
    #expect(found.description(files: []).hasSuffix("line 1, line 1 and 12 more"))
  }

  @Test(
    "A run that ends so keeps a whole checkpoint first, on all ranks alike; one whose weights are to blame keeps none",
    arguments: [1, 2])
  func kept(ranks: Int) throws {
    let outcomes = try asRanks(ranks) { ranks in
      let observer = Observer()
      let trainer = try Self.withBadReference(ranks)
      let error = #expect(throws: TrainingError.self) {
        try trainer.run(until: StopRequest(), observer: observer)
      }
      return (saved: observer.saved, message: "\(error as Any)")
    }
    for outcome in outcomes {
      #expect(outcome.saved == [2])
      #expect(outcome.message == outcomes[0].message)
    }
    let observer = Observer()
    try poison()
    #expect(throws: TrainingError.self) { try trainer.run(until: StopRequest(), observer: observer) }
    #expect(observer.saved.isEmpty)
  }

  private final class Observer: TrainingObserver {
    var saved: [Int] = []
    func trainer(_ trainer: Trainer, didStep report: StepReport) {}
    func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) {}
    func evaluate(_ trainer: Trainer) -> Bool { false }
    func save(_ trainer: Trainer, interval: IntervalReport) { saved.append(trainer.completedSteps) }
  }

  private static let pairs = smallPairs(16)

  /// A trainer whose reference has no number for the token 63, which some pairs have.
  private static func withBadReference(_ ranks: Ranks) throws -> Trainer {
    func untied() throws -> CausalLM {
      let model = try CausalLM(
        ModelConfiguration([
          "model_type": "qwen3", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rope_theta": 1e4,
          "tie_word_embeddings": false,
        ]))
      let generator = try Generator(seed: 3)
      for (_, parameter) in model.namedParameters { try parameter.value.fillNormal(deviation: 0.2, from: generator) }
      return model
    }
    let reference = try untied()
    let embedding = try #require(reference.namedParameters.first { $0.name == "model.embed_tokens.weight" }).parameter
    try withoutGrad { try embedding.value.narrow(0, 63, 1).fillInPlace(.nan) }
    var options = TrainingOptions()
    options.perDeviceBatchSize = 8 / ranks.size
    (options.startsAtReference, options.shuffles, options.maximumSkippedSteps, options.epochs) = (false, false, 2, 4)
    return try Trainer(
      policy: untied(), reference: reference, pairs: pairs, options: options, ranks: ranks.size > 1 ? ranks : nil)
  }

  /// Makes a weight NaN that every pair meets.
  private func poison() throws { try setFirstNorm(.nan) }

  private func heal() throws { try setFirstNorm(1) }

  private func setFirstNorm(_ value: Double) throws {
    let norm = try #require(trainer.policy.namedParameters.last { $0.name.contains("norm") })
    try withoutGrad { try norm.parameter.value.narrow(0, 0, 1).fillInPlace(value) }
  }
}
