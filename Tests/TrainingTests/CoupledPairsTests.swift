import DPO
import Preferences
import Testing
import Training

@Suite("Losses that tie the pairs of a global batch together")
struct CoupledPairsTests {
  /// What one step found.
  private struct Found: Sendable {
    let loss: Double
    let gradientNorm: Double
  }

  /// Six pairs, of which two are drawn twice, as files with weights draw them.
  private static var pairs: [TokenizedPair] {
    let pairs = smallPairs(6)
    return [pairs[0], pairs[3], pairs[1], pairs[0], pairs[2], pairs[3], pairs[4], pairs[5]]
  }

  private static func step(_ objective: Objective, size: Int, micro: Int = 1, ranks: Ranks? = nil) throws -> Found {
    var options = TrainingOptions()
    options.loss = PreferenceLoss(objective, beta: 0.5)
    (options.perDeviceBatchSize, options.accumulationSteps, options.maxSteps) = (size, micro, 1)
    (options.shuffles, options.startsAtReference) = (false, false)
    let trainer = try Trainer(
      policy: smallModel(), reference: smallModel(seed: 2), pairs: pairs, options: options, ranks: ranks)
    let report = try trainer.step()
    return Found(loss: report.metrics.loss / report.metrics.pairs, gradientNorm: report.gradientNorm)
  }

  @Test(
    "A pair that a step draws twice counts twice, however the step is divided", arguments: ["aot", "aot_unpaired"])
  func drawnTwice(name: String) throws {
    let objective = try #require(Objective(named: name))
    let whole = try Self.step(objective, size: 8)
    let divided = [
      try Self.step(objective, size: 4, micro: 2), try Self.step(objective, size: 1, micro: 8),
    ]
    let ranks = try asRanks(2) { ranks in try Self.step(objective, size: 2, micro: 2, ranks: ranks) }
    for found in divided + ranks {
      #expect(abs(found.loss - whole.loss) < 1e-5 * max(1, abs(whole.loss)))
      #expect(abs(found.gradientNorm - whole.gradientNorm) < 1e-5 * whole.gradientNorm)
    }
  }
}
