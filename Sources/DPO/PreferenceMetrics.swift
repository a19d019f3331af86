import Preferences
import Torch

/// Sums over pairs, from which the reported means are made. Sums of several micro-batches, steps or ranks simply add up.
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
  /// Tokens of both sides, shared prefixes counted twice
  public var sideTokens = 0.0
  /// Target tokens of the chosen sides
  public var chosenTargets = 0.0
  /// Target tokens of the rejected sides
  public var rejectedTargets = 0.0
  /// Σ −log π over the target tokens of the chosen sides
  public var chosenNegativeLogLikelihood = 0.0
  /// Σ entropy of the prediction over the target tokens of both sides
  public var entropy = 0.0
  /// Target tokens of the chosen sides that the policy finds the most probable
  public var likeliestTokens = 0.0
  /// Σ mean logit over the target tokens of the chosen sides
  public var chosenLogits = 0.0
  /// The same of the rejected sides
  public var rejectedLogits = 0.0

  /// Σ over pairs of the load-balancing loss of their step; 0 for models without experts. The same for all pairs of a step
  public var auxiliaryLoss = 0.0
  /// The same times its coefficient: what was added to the loss that is minimised
  public var weightedAuxiliaryLoss = 0.0

  /// No pairs yet.
  public init() {}

  /// What the sums of a micro-batch are made of, all `float64` and without gradients.
  private struct Terms {
    /// `[pairs]`
    let losses: Tensor
    /// `[pairs]` each
    let rewards: (chosen: Tensor, rejected: Tensor)
    /// `[pairs]` each
    let logProbabilities: (chosen: Tensor, rejected: Tensor)
    /// Without weights of tokens, `[pairs]`
    let chosenTokenSums: Tensor
    /// Target tokens, `[pairs]` each
    let lengths: (chosen: Tensor, rejected: Tensor)
    /// A statistic's sums, `[2 · pairs]`
    let statistic: (TokenPredictions.Statistic) throws(TorchError) -> Tensor
    /// Pairs, input tokens, and tokens of both sides, `[3]`
    let counts: Tensor
    /// Scalars, 0 without experts: this micro-batch's part of the step's load-balancing loss for each pair of the global
    /// batch, summed over these; and the same times its coefficient
    let auxiliary: (loss: Tensor, weighted: Tensor)
  }

  /// Every sum and how a micro-batch adds to it, in the one order in which devices, ranks and checkpoints keep them.
  private static var definitions: [(field: WritableKeyPath<Self, Double>, value: (Terms) throws(TorchError) -> Tensor)]
  {
    [
      (\.pairs, { terms throws(TorchError) in try terms.counts.select(0, 0) }),
      (\.loss, { terms throws(TorchError) in try terms.losses.sum() }),
      (\.chosenRewards, { terms throws(TorchError) in try terms.rewards.chosen.sum() }),
      (\.rejectedRewards, { terms throws(TorchError) in try terms.rewards.rejected.sum() }),
      (\.accuracies, { terms throws(TorchError) in try wins(terms.rewards) }),
      (\.chosenLogProbabilities, { terms throws(TorchError) in try terms.logProbabilities.chosen.sum() }),
      (\.rejectedLogProbabilities, { terms throws(TorchError) in try terms.logProbabilities.rejected.sum() }),
      (\.logProbabilityAccuracies, { terms throws(TorchError) in try wins(terms.logProbabilities) }),
      (\.tokens, { terms throws(TorchError) in try terms.counts.select(0, 1) }),
      (\.sideTokens, { terms throws(TorchError) in try terms.counts.select(0, 2) }),
      (\.chosenTargets, { terms throws(TorchError) in try terms.lengths.chosen.sum() }),
      (\.rejectedTargets, { terms throws(TorchError) in try terms.lengths.rejected.sum() }),
      (\.chosenNegativeLogLikelihood, { terms throws(TorchError) in try -terms.chosenTokenSums.sum() }),
      (\.entropy, { terms throws(TorchError) in try terms.statistic(.entropy).sum() }),
      (\.likeliestTokens, { terms throws(TorchError) in try terms.statistic(.isLikeliest).sides().chosen.sum() }),
      (\.chosenLogits, { terms throws(TorchError) in try terms.statistic(.meanLogit).sides().chosen.sum() }),
      (\.rejectedLogits, { terms throws(TorchError) in try terms.statistic(.meanLogit).sides().rejected.sum() }),
      (\.auxiliaryLoss, { terms throws(TorchError) in terms.auxiliary.loss }),
      (\.weightedAuxiliaryLoss, { terms throws(TorchError) in terms.auxiliary.weighted }),
    ]
  }

  /// Pairs whose chosen side has the larger number.
  private static func wins(_ sides: (chosen: Tensor, rejected: Tensor)) throws(TorchError) -> Tensor {
    try sides.chosen.greater(sides.rejected).to(.float64).sum()
  }

  /// The sums of a micro-batch on its device, `[sumCount]`, `float64`. Nothing waits for the device.
  ///
  /// - Parameters:
  ///   - scores: what the losses were made of; 0 for padding
  ///   - counts: pairs, input tokens, and tokens of both sides, `[3]`
  ///   - auxiliary: of a model with experts, what this micro-batch adds to `auxiliaryLoss` and `weightedAuxiliaryLoss`
  /// - Throws: `TorchError` when LibTorch fails.
  public static func sums(
    _ result: PairLosses, of scores: PairScores, counts: Tensor, auxiliary: (loss: Tensor, weighted: Tensor)? = nil
  ) throws(TorchError) -> Tensor {
    let policy = scores.policy
    let zero = try Tensor.zeros([], dtype: .float64, device: counts.device)
    let terms = Terms(
      losses: try result.losses.detached().to(.float64),
      rewards: try result.rewards.detached().to(.float64).sides(),
      logProbabilities: try policy.logProbabilities.detached().to(.float64).sides(),
      chosenTokenSums: try policy.tokenSums.detached().to(.float64).sides().chosen,
      lengths: try scores.lengths.to(.float64).sides(),
      statistic: { statistic throws(TorchError) in try policy.sums(of: statistic) }, counts: try counts.to(.float64),
      auxiliary: auxiliary ?? (zero, zero))
    return try .stack(definitions.map { definition throws(TorchError) in try definition.value(terms) })
  }

  /// The sums of a micro-batch.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public init(_ result: PairLosses, of scores: PairScores, counts: Tensor) throws(TorchError) {
    self.init(sums: try Self.sums(result, of: scores, counts: counts).array(Double.self))
  }

  /// The number of `sums`.
  public static var sumCount: Int { definitions.count }

  /// All sums in one fixed order, to be added up elsewhere.
  public var sums: [Double] { Self.definitions.map { self[keyPath: $0.field] } }

  /// The metrics whose `sums` these are.
  public init(sums: [Double]) {
    precondition(sums.count == Self.sumCount, "PreferenceMetrics has \(Self.sumCount) sums, not \(sums.count)")
    for (definition, sum) in zip(Self.definitions, sums) { self[keyPath: definition.field] = sum }
  }

  /// Adds the sums of other pairs.
  public static func += (sum: inout PreferenceMetrics, other: PreferenceMetrics) {
    for (field, _) in definitions { sum[keyPath: field] += other[keyPath: field] }
  }

  /// The means under TRL's names, in the order in which they are written: over pairs or, in the last five, over target tokens.
  ///
  /// The loss has the load-balancing loss in it, which `aux_loss` is without its coefficient, for models with experts only.
  public var means: [(name: String, value: Double)] {
    let count = max(pairs, 1)
    let (chosen, rejected) = (max(chosenTargets, 1), max(rejectedTargets, 1))
    return [
      ("loss", (loss + weightedAuxiliaryLoss) / count),
      ("rewards/chosen", chosenRewards / count),
      ("rewards/rejected", rejectedRewards / count),
      ("rewards/accuracies", accuracies / count),
      ("rewards/margins", (chosenRewards - rejectedRewards) / count),
      ("logps/chosen", chosenLogProbabilities / count),
      ("logps/rejected", rejectedLogProbabilities / count),
      ("logits/chosen", chosenLogits / chosen),
      ("logits/rejected", rejectedLogits / rejected),
      ("nll_loss", chosenNegativeLogLikelihood / chosen),
      ("entropy", entropy / max(chosenTargets + rejectedTargets, 1)),
      ("mean_token_accuracy", likeliestTokens / chosen),
    ] + auxiliaryMeans
  }

  /// `aux_loss`, where there are experts whose balance is a part of the loss.
  private var auxiliaryMeans: [(name: String, value: Double)] {
    auxiliaryLoss == 0 ? [] : [("aux_loss", auxiliaryLoss / max(pairs, 1))]
  }

  /// The means of texts to imitate over their target tokens, under the names of TRL's `SFTTrainer` and in its order.
  public var meansOfTexts: [(name: String, value: Double)] {
    let targets = max(chosenTargets, 1)
    return [
      ("loss", chosenNegativeLogLikelihood / targets + weightedAuxiliaryLoss / max(pairs, 1)),
      ("entropy", entropy / targets), ("mean_token_accuracy", likeliestTokens / targets),
    ] + auxiliaryMeans
  }

  /// How far the policy has moved from the reference on these pairs, in nats per answer: the mean over both answers of each
  /// pair of log π − log π_ref, summed over their target tokens. It is what TRL 1.16 reports as `objective/kl` of its
  /// `OnlineDPOTrainer`: an unbiased estimate of KL(π ‖ π_ref) where the answers were drawn from the policy, and, with the
  /// other sign, of KL(π_ref ‖ π) where they were drawn from the reference (k1 in Schulman, "Approximating KL divergence",
  /// 2020). On answers from elsewhere it is a measure of drift that may have either sign.
  ///
  /// - Parameter beta: of the loss whose rewards were measured
  public func divergence(beta: Double) -> Double { (chosenRewards + rejectedRewards) / (2 * beta * max(pairs, 1)) }

  /// The means to report of examples of a kind.
  public func means(of examples: ExampleKind) -> [(name: String, value: Double)] {
    examples.areTexts ? meansOfTexts : means
  }
}
