import DPO
import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

/// Every objective and modifier, over five steps of eight pairs.
@Suite("Training follows TRL with every objective and modifier (Tools/reference/objective_runs.py)")
struct ObjectiveRunTests {
  /// How the eight pairs of a step are divided.
  enum Division: String, CaseIterable, Sendable {
    case oneMicroBatch, unsharedPrefix, twoMicroBatches, fourMicroBatchesUnshared, dividedByTokens, cachedReference
    case twoRanks, twoRanksOfTwoMicroBatchesUnshared, fourRanks

    var ranks: Int {
      switch self {
      case .twoRanks, .twoRanksOfTwoMicroBatchesUnshared: 2
      case .fourRanks: 4
      default: 1
      }
    }

    func apply(to options: inout TrainingOptions) {
      switch self {
      case .oneMicroBatch: options.perDeviceBatchSize = 8
      case .unsharedPrefix: (options.perDeviceBatchSize, options.sharesPrefix) = (8, false)
      case .twoMicroBatches: (options.perDeviceBatchSize, options.accumulationSteps) = (4, 2)
      case .fourMicroBatchesUnshared:
        (options.perDeviceBatchSize, options.accumulationSteps, options.sharesPrefix) = (2, 4, false)
      case .dividedByTokens: (options.perDeviceBatchSize, options.microBatchTokens) = (8, 200)
      case .cachedReference:
        (options.perDeviceBatchSize, options.accumulationSteps, options.cachesReference) = (2, 4, true)
      case .twoRanks: options.perDeviceBatchSize = 4
      case .twoRanksOfTwoMicroBatchesUnshared:
        (options.perDeviceBatchSize, options.accumulationSteps, options.sharesPrefix) = (2, 2, false)
      case .fourRanks: options.perDeviceBatchSize = 2
      }
    }
  }

  /// What one step found.
  struct Found: Sendable {
    let loss: Double
    let gradientNorm: Double
    let metrics: [String: Double]
  }

  @Test("Every objective has a run of its own, and every modifier one") func coverage() throws {
    let runs = try ObjectiveRun.all()
    #expect(Set(runs.filter { $0.loss.parts.count == 1 }.map { $0.loss.parts[0].objective }) == Set(Objective.all))
    #expect(Set(runs.map(\.loss.divergence)) == Set(Divergence.allCases))
    #expect(runs.contains { $0.loss.weighsPairs } && runs.contains { $0.loss.excessTokenWeight != nil })
    #expect(runs.contains { $0.sync != nil } && runs.contains { $0.loss.parts.count == 3 })
  }

  @Test("Each step has TRL's loss, gradient norm and metrics, however it is divided", arguments: try ObjectiveRun.all())
  func follows(run: ObjectiveRun) throws {
    let pairs = try ObjectiveRun.pairs()
    let whole = try steps(of: run, .oneMicroBatch, pairs)[0]
    for division in Division.allCases where run.loss.needsReference && run.sync == nil || division != .cachedReference {
      for rank in division == .oneMicroBatch ? [whole] : try steps(of: run, division, pairs) {
        #expect(rank.count == run.steps.count)
        for (index, ((found, expected), alone)) in zip(zip(rank, run.steps), whole).enumerated() {
          let place: Comment = "\(run.name), \(division), step \(index + 1)"
          let (loss, norm) = (try expected.loss, try expected.gradientNorm)
          #expect(abs(found.loss - loss) < 2e-4 * max(1, abs(loss)), place)
          #expect(isClose(found.gradientNorm, norm, within: 5e-3), place)
          // What was divided differently agrees within rounding.
          #expect(isClose(found.loss, alone.loss, within: 1e-5), place)
          #expect(isClose(found.gradientNorm, alone.gradientNorm, within: 1e-5), place)
          for (name, value) in metrics(of: expected, in: run) {
            #expect(abs(try #require(found.metrics[name]) - value) < 2e-4 * max(1, abs(value)), "\(place): \(name)")
          }
        }
      }
    }
  }

  /// Global batches of 12 pairs: two whole ones, and one with a single pair, in which most ranks have none.
  @Test("A short last batch is the same for one process and four", arguments: try ObjectiveRun.all())
  func shortBatch(run: ObjectiveRun) throws {
    var options = run.options()
    (options.perDeviceBatchSize, options.maxSteps) = (12, nil)
    let alone = try Self.steps(run.smallTrainer(options))
    options.perDeviceBatchSize = 3
    let divided = options
    let ranks = try asRanks(4) { ranks in try Self.steps(run.smallTrainer(divided, ranks: ranks)) }
    #expect(alone.count == 3)
    for rank in ranks {
      #expect(rank.count == 3)
      for (found, expected) in zip(rank, alone) {
        #expect(isClose(found.loss, expected.loss, within: 1e-5))
        #expect(isClose(found.gradientNorm, expected.gradientNorm, within: 1e-5))
      }
    }
  }

  /// TRL's metrics that mean the same here. Without a reference `sft` has rewards of another kind; SimPO and ORPO report the
  /// mean log-probability of a token, where here it is the sum of a side everywhere.
  private func metrics(of step: ObjectiveRun.Step, in run: ObjectiveRun) -> [String: Double] {
    var values = step.values
    for name in ["loss", "grad_norm"] { values[name] = nil }
    if run.authority == "DPOTrainer", !run.loss.needsReference {
      values = values.filter { !$0.key.hasPrefix("rewards/") }
    }
    if run.loss.parts.contains(where: { $0.objective.traits.contains(.meanRewards) }) {
      values = values.filter { !$0.key.hasPrefix("logps/") }
    }
    return values
  }

  /// What each rank's steps found.
  private func steps(of run: ObjectiveRun, _ division: Division, _ pairs: [TokenizedPair]) throws -> [[Found]] {
    var options = run.options()
    division.apply(to: &options)
    let chosen = options
    guard division.ranks > 1 else { return [try Self.steps(run.trainer(chosen, pairs: pairs))] }
    return try asRanks(division.ranks) { ranks in try Self.steps(run.trainer(chosen, pairs: pairs, ranks: ranks)) }
  }

  private static func steps(_ trainer: Trainer) throws -> [Found] {
    try trainer.prepareReference()
    var tokens = 0.0
    return try trainer.steps().map { report in
      tokens += report.metrics.sideTokens
      var metrics = Dictionary(uniqueKeysWithValues: report.metrics.means.map { ($0.name, $0.value) })
      metrics["num_tokens"] = tokens
      return Found(loss: report.loss, gradientNorm: report.gradientNorm, metrics: metrics)
    }
  }
}
