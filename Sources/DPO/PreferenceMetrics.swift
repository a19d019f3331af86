import Foundation
import Torch

/// Sums over pairs from which the reported means are made; sums of several micro-batches, steps or ranks simply add up.
public struct PreferenceMetrics: Sendable, Hashable, Codable {
  /// The number of pairs.
  public var pairs = 0.0
  /// Σ loss
  public var loss = 0.0
  /// Σ β(log π − log π_ref) of the chosen sides
  public var chosenRewards = 0.0
  /// The same of the rejected sides
  public var rejectedRewards = 0.0
  /// Pairs whose chosen side has the larger reward
  public var accuracies = 0.0
  /// Σ log π of the chosen sides
  public var chosenLogProbabilities = 0.0
  /// Σ log π of the rejected sides
  public var rejectedLogProbabilities = 0.0
  /// Pairs whose chosen side is the more probable one, whatever the reference
  public var logProbabilityAccuracies = 0.0
  /// Input tokens run
  public var tokens = 0.0

  /// Nothing yet.
  public init() {}

  /// The sums of one micro-batch.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public init(_ losses: PairLosses, policy: Tensor, counts: Tensor) throws(TorchError) {
    self.init(sums: try Self.sums(losses, policy: policy, counts: counts).array(Double.self))
  }

  /// The same where the tensors are, in the order of `sums`: `[9]`, `float64`. Nothing waits for the device.
  ///
  /// - Parameters:
  ///   - policy: log π of each side, `[2 · pairs]`, chosen sides first; 0, as its reference, for sides that pad
  ///   - counts: pairs and input tokens, `[2]`
  /// - Throws: `TorchError` when LibTorch fails.
  public static func sums(_ losses: PairLosses, policy: Tensor, counts: Tensor) throws(TorchError) -> Tensor {
    let pairs = losses.losses.count
    func sides(_ both: Tensor) throws(TorchError) -> (chosen: Tensor, rejected: Tensor) {
      let both = try both.detached().to(.float64)
      return (try both.narrow(0, 0, pairs), try both.narrow(0, pairs, pairs))
    }
    func wins(_ sides: (chosen: Tensor, rejected: Tensor)) throws(TorchError) -> Tensor {
      try sides.chosen.greater(sides.rejected).to(.float64).sum()
    }
    let (rewards, logProbabilities) = (try sides(losses.rewards), try sides(policy))
    let known = try counts.to(.float64)
    let sums: Tensor = try .stack([
      losses.losses.detached().to(.float64).sum(), rewards.chosen.sum(), rewards.rejected.sum(), wins(rewards),
      logProbabilities.chosen.sum(), logProbabilities.rejected.sum(), wins(logProbabilities),
    ])
    return try .concatenate([known.narrow(0, 0, 1), sums, known.narrow(0, 1, 1)])
  }

  /// The number of `sums`.
  public static let sumCount = 9

  /// All sums in one fixed order, to be added up elsewhere.
  public var sums: [Double] {
    [
      pairs, loss, chosenRewards, rejectedRewards, accuracies, chosenLogProbabilities, rejectedLogProbabilities,
      logProbabilityAccuracies, tokens,
    ]
  }

  /// The metrics whose `sums` these are.
  public init(sums: [Double]) {
    precondition(sums.count == Self.sumCount, "PreferenceMetrics has nine sums, not \(sums.count)")
    (pairs, loss, chosenRewards, rejectedRewards, accuracies) = (sums[0], sums[1], sums[2], sums[3], sums[4])
    (chosenLogProbabilities, rejectedLogProbabilities, logProbabilityAccuracies, tokens) = (
      sums[5], sums[6], sums[7], sums[8]
    )
  }

  /// Adds the sums of other pairs.
  public static func += (sum: inout PreferenceMetrics, other: PreferenceMetrics) {
    sum.pairs += other.pairs
    sum.loss += other.loss
    sum.chosenRewards += other.chosenRewards
    sum.rejectedRewards += other.rejectedRewards
    sum.accuracies += other.accuracies
    sum.chosenLogProbabilities += other.chosenLogProbabilities
    sum.rejectedLogProbabilities += other.rejectedLogProbabilities
    sum.logProbabilityAccuracies += other.logProbabilityAccuracies
    sum.tokens += other.tokens
  }

  /// The means over the pairs under TRL's names, in the order in which they are written.
  public var means: [(name: String, value: Double)] {
    let count = max(pairs, 1)
    return [
      ("loss", loss / count),
      ("rewards/chosen", chosenRewards / count),
      ("rewards/rejected", rejectedRewards / count),
      ("rewards/accuracies", accuracies / count),
      ("rewards/margins", (chosenRewards - rejectedRewards) / count),
      ("logps/chosen", chosenLogProbabilities / count),
      ("logps/rejected", rejectedLogProbabilities / count),
    ]
  }
}
