import Foundation
import Observability
import Testing

@Suite("Where a run goes, said once")
struct DriftGuardTests {
  private var run = DriftGuard.Run(
    startLoss: 0.6931, beta: 0.1, learningRate: 4e-8, warmupSteps: 10, totalSteps: 1000)

  /// What an interval of ten steps measures where nothing has moved.
  private func still(_ step: Int, loss: Double = 0.6930) -> DriftGuard.Interval {
    DriftGuard.Interval(
      step: step, steps: 10, loss: loss, chosenReward: 0, rejectedReward: 0, chosenLogProbability: -100,
      rejectedLogProbability: -120)
  }

  private func fallen(_ step: Int, chosen: Double, rejected: Double) -> DriftGuard.Interval {
    DriftGuard.Interval(
      step: step, steps: 10, loss: 0.2, chosenReward: chosen * 0.1, rejectedReward: rejected * 0.1,
      chosenLogProbability: -100 + chosen, rejectedLogProbability: -120 + rejected)
  }

  @Test(
    "A loss that stays where it began is told after a hundred steps beyond the warm-up, once, with the learning rate")
  func nothingLearnt() throws {
    var drift = DriftGuard()
    var said: [(step: Int, words: Phrase)] = []
    for step in stride(from: 10, through: 400, by: 10) {
      for warning in drift.look(still(step), of: run) {
        #expect(warning.kind == .nothingLearnt)
        #expect(DriftGuard.Warning(warning.values) == warning)
        said.append((step, warning.words))
      }
    }
    #expect(said.map(\.step) == [110])
    let words = try #require(said.first?.words)
    for part in ["连续 100 步", "0.6930", "0.6931", "4e-8", "--learning-rate"] {
      #expect(words.zh.contains(part), "\(words.zh)")
    }
    for part in ["100 steps", "0.6930", "0.6931", "4e-8", "--learning-rate"] {
      #expect(words.en.contains(part), "\(part) ∉ \(words.en)")
    }
  }

  @Test("It is remembered in what a checkpoint keeps")
  func remembered() throws {
    var drift = DriftGuard()
    for step in stride(from: 10, through: 110, by: 10) { _ = drift.look(still(step), of: run) }
    var resumed = try JSONDecoder().decode(DriftGuard.self, from: JSONEncoder().encode(drift))
    #expect(resumed == drift)
    #expect(resumed.look(still(120), of: run).isEmpty)
  }

  @Test("A loss that moves, or whose start is not known, is not told")
  func moving() {
    var drift = DriftGuard()
    for step in stride(from: 10, through: 400, by: 10) {
      #expect(drift.look(still(step, loss: step % 100 == 0 ? 0.68 : 0.6930), of: run).isEmpty)
    }
    var other = run
    other.startLoss = nil
    for step in stride(from: 10, through: 400, by: 10) { #expect(drift.look(still(step), of: other).isEmpty) }
  }

  @Test("Short runs are told after half of their steps, very short ones never")
  func short() {
    var other = run
    (other.totalSteps, other.warmupSteps) = (60, 0)
    var drift = DriftGuard()
    let said = stride(from: 10, through: 60, by: 10).filter { !drift.look(still($0), of: other).isEmpty }
    #expect(said == [30])
    other.totalSteps = 10
    var fresh = DriftGuard()
    #expect(fresh.look(still(10), of: other).isEmpty)
  }

  @Test("Both log-probabilities falling far for two intervals is displacement, told with both numbers and what helps")
  func displacement() throws {
    var drift = DriftGuard()
    #expect(drift.look(fallen(10, chosen: -30, rejected: -50), of: run).isEmpty)
    let said = drift.look(fallen(20, chosen: -30, rejected: -50), of: run)
    #expect(said.map(\.kind) == [.displacement])
    let words = try #require(said.first?.words)
    #expect(try DriftGuard.Warning(#require(said.first).values) == said.first)
    for part in ["-100.0 to -130.0", "-120.0 to -170.0", "--rpo-alpha", "dpop", "sigmoid sft"] {
      #expect(words.en.contains(part), "\(part) ∉ \(words.en)")
    }
    #expect(drift.look(fallen(30, chosen: -60, rejected: -90), of: run).isEmpty)
  }

  @Test("Chosen answers that rise, or fall little, are none", arguments: [(5.0, -50.0), (-9.0, -50.0), (-30.0, 2.0)])
  func noDisplacement(chosen: Double, rejected: Double) {
    var drift = DriftGuard()
    for step in [10, 20, 30] { #expect(drift.look(fallen(step, chosen: chosen, rejected: rejected), of: run).isEmpty) }
  }
}
