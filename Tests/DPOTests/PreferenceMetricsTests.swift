import DPO
import Foundation
import Testing
import Torch

@Suite("Sums from which the reported means are made")
struct PreferenceMetricsTests {
  /// Three pairs: one that both rank rightly, one that only the rewards do, one tie.
  private func sums() throws -> PreferenceMetrics {
    let policy = try Tensor([-1, -4, -2, -3, -2, -2] as [Float])
    let reference = try Tensor([-2, -8, -2, -3, -4, -2] as [Float])
    // A row each: entropies, log Σ p², likeliest tokens, mean logits.
    let statistics = try Tensor(
      [2, 1, 0, 4, 3, 2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 1, 1, -6, -3, -3, 8, 0, 4] as [Double], shape: [4, 6])
    let scores = PairScores(
      policy: try SideScores(logProbabilities: policy, statistics: statistics), reference: reference,
      lengths: try Tensor([2, 3, 1, 2, 3, 1] as [Float]))
    return try PreferenceMetrics(
      PreferenceLoss(beta: 0.5)(scores), of: scores, counts: Tensor([3, 17, 25] as [Float]))
  }

  @Test("They are sums over the pairs")
  func values() throws {
    let sums = try sums()
    #expect(sums.pairs == 3)
    #expect(sums.tokens == 17)
    // Rewards: (0.5, 0), (2, 1), (0, 0).
    #expect(sums.chosenRewards == 2.5)
    #expect(sums.rejectedRewards == 1)
    #expect(sums.accuracies == 2)
    #expect(sums.chosenLogProbabilities == -7)
    #expect(sums.rejectedLogProbabilities == -7)
    #expect(sums.logProbabilityAccuracies == 1)
    let expected = [0.5, 1, 0].map { log(1 + exp(-$0)) }.reduce(0, +)
    #expect(abs(sums.loss - expected) < 1e-6)
    #expect(sums.sideTokens == 25)
    #expect((sums.chosenTargets, sums.rejectedTargets) == (6, 6))
    #expect(sums.chosenNegativeLogLikelihood == 7)
    #expect(sums.entropy == 12)
    #expect(sums.likeliestTokens == 3)
    #expect((sums.chosenLogits, sums.rejectedLogits) == (-12, 12))
  }

  @Test(
    "The divergence is the mean of log π − log π_ref over both answers of all pairs, as TRL's OnlineDPOTrainer has it")
  func divergence() throws {
    // Six answers: −1 − 4 − 2 − 3 − 2 − 2 of the policy, −2 − 8 − 2 − 3 − 4 − 2 of the reference.
    #expect(abs(try sums().divergence(beta: 0.5) - 7.0 / 6) < 1e-12)
    var twice = try sums()
    twice += try sums()
    #expect(abs(twice.divergence(beta: 0.5) - 7.0 / 6) < 1e-12)
    #expect(PreferenceMetrics().divergence(beta: 0.5) == 0)
  }

  @Test("Sums add up, and means divide by the pairs or by the tokens, under TRL's names")
  func means() throws {
    var total = try sums()
    total += try sums()
    #expect(total.pairs == 6)
    #expect(total.tokens == 34)
    #expect(total.chosenRewards == 5)
    #expect(total.logProbabilityAccuracies == 2)
    #expect(
      total.means.map(\.name) == [
        "loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
        "logps/rejected", "logits/chosen", "logits/rejected", "nll_loss", "entropy", "mean_token_accuracy",
      ])
    let (one, two) = (try sums().means.map(\.value), total.means.map(\.value))
    #expect(zip(one, two).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(two[4] == 0.5)
    // Over target tokens.
    #expect(two[7...].elementsEqual([-2, 2, 7.0 / 6, 1, 0.5]))
    #expect(PreferenceMetrics().means.allSatisfy { $0.value == 0 })
  }

  @Test("They survive being written as JSON")
  func json() throws {
    let sums = try sums()
    let data = try JSONEncoder().encode(sums)
    #expect(try JSONDecoder().decode(PreferenceMetrics.self, from: data) == sums)
  }
}
