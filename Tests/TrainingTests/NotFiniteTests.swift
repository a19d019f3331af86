import Foundation
import MiniMind
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

  @Test("Their updates are left out, and five in a row end the run, naming step and pairs")
  func inARow() throws {
    try poison()
    let before = try trainer.policy.bits
    for step in 1...4 {
      let report = try trainer.step()
      #expect(report.isSkipped)
      #expect(!report.gradientNorm.isFinite)
      #expect(trainer.skippedSteps == step)
    }
    let error = #expect(throws: TrainingError.self) { try trainer.step() }
    guard case .notFinite(let step, let pairs)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(step == 5)
    #expect(pairs == [16, 17, 18, 19])
    #expect(error?.description.contains("with the pairs 16, 17, 18, 19 (counted from 0)") == true)
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

  /// Makes a weight NaN that every pair meets.
  private func poison() throws { try setFirstNorm(.nan) }

  private func heal() throws { try setFirstNorm(1) }

  private func setFirstNorm(_ value: Double) throws {
    let norm = try #require(trainer.policy.namedParameters.last { $0.name.contains("norm") })
    try withoutGrad { try norm.parameter.value.narrow(0, 0, 1).fillInPlace(value) }
  }
}
