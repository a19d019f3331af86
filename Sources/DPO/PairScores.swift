import Torch

/// What two models say of pairs: all that a loss is computed from.
public struct PairScores {
  /// What the policy says of each side.
  public var policy: SideScores
  /// log π_ref of each side, `[2 · pairs]`, chosen sides first, without gradients; nil where no objective compares with it.
  public var reference: Tensor?
  /// The number of target tokens of each side, `[2 · pairs]`; 0 for padding.
  public var lengths: Tensor
  /// The mean number of target tokens of a chosen side in the global batch, a scalar; nil for that of these pairs.
  public var meanChosenLength: Tensor?
  /// What the loss of each pair counts, `[pairs]`: 0 for padding; 1 where nil.
  public var weights: Tensor?

  /// What two models say of pairs.
  public init(
    policy: SideScores, reference: Tensor?, lengths: Tensor, meanChosenLength: Tensor? = nil, weights: Tensor? = nil
  ) {
    (self.policy, self.reference, self.lengths) = (policy, reference, lengths)
    (self.meanChosenLength, self.weights) = (meanChosenLength, weights)
  }
}

/// What a policy says of the sides of pairs. Everything is `[2 · pairs]`, chosen sides first, summed over target tokens.
public struct SideScores {
  /// log π, in which tokens after the length of the shorter side may count less (`PreferenceLoss.excessTokenWeight`)
  public var logProbabilities: Tensor
  /// log π, in which all tokens count the same
  public var tokenSums: Tensor
  /// The sums of `TokenPredictions.Statistic`, `[4, 2 · pairs]`, `float64`, without gradients
  public var statistics: Tensor

  /// The scores of sides; where only log-probabilities are given, all tokens count the same and the statistics are 0.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(logProbabilities: Tensor, tokenSums: Tensor? = nil, statistics: Tensor? = nil) throws(TorchError) {
    (self.logProbabilities, self.tokenSums) = (logProbabilities, tokenSums ?? logProbabilities)
    if let statistics {
      self.statistics = statistics
    } else {
      let count = TokenPredictions.Statistic.allCases.count
      self.statistics = try .zeros([count, logProbabilities.count], dtype: .float64, device: logProbabilities.device)
    }
  }

  /// The sums of one statistic, `[2 · pairs]`, `float64`.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func sums(of statistic: TokenPredictions.Statistic) throws(TorchError) -> Tensor {
    try statistics.select(0, statistic.rawValue)
  }
}

extension PreferenceLoss {
  /// The quantities that formulas are made of.
  func terms(_ scores: PairScores) throws(TorchError) -> Terms {
    let policy = scores.policy
    let device = policy.logProbabilities.device
    let reference =
      if let known = scores.reference { known } else { try Tensor.zeros(policy.logProbabilities.shape, device: device) }
    // Padding has log-probabilities of 0, and a probability of 1 has no odds: any other number will do, as it counts nothing.
    let padding: Tensor? =
      if let weights = scores.weights { try .concatenate([1 - weights, 1 - weights]) } else { nil }
    func sides(_ x: Tensor) throws(TorchError) -> (chosen: Tensor, rejected: Tensor) {
      if let padding { try (x - padding).sides() } else { try x.sides() }
    }
    let lengths = try scores.lengths.maximum(.ones([], device: device))
    let meanLength =
      if let known = scores.meanChosenLength { known } else { try scores.lengths.sides().chosen.mean() }
    let (of, sums, references) = (try sides(policy.logProbabilities), try sides(policy.tokenSums), try sides(reference))
    let counts = try lengths.sides()
    return Terms(
      loss: self, chosen: try side(of.chosen, sums.chosen, references.chosen, counts.chosen),
      rejected: try side(of.rejected, sums.rejected, references.rejected, counts.rejected),
      meanChosenLength: meanLength,
      pairWeights: weighsPairs ? try pairWeights(policy, lengths) : nil)
  }

  private func side(
    _ logProbability: Tensor, _ tokenSum: Tensor, _ reference: Tensor, _ length: Tensor
  ) throws(TorchError) -> Terms.Side {
    let ratio = try logProbability - reference
    return Terms.Side(
      logProbability: logProbability, tokenSum: tokenSum, logRatio: ratio, reference: reference,
      score: try divergence.score(ratio, coefficient: divergenceCoefficient), length: length)
  }

  /// exp of the sum over both sides of mean_t[log p_t − log Σ_v p_v²] (WPO, eq. 2), `[pairs]`.
  private func pairWeights(_ policy: SideScores, _ lengths: Tensor) throws(TorchError) -> Tensor {
    let aligned = try ((policy.tokenSums.detached() - policy.sums(of: .logSumOfSquares)) / lengths).sides()
    return try (aligned.chosen + aligned.rejected).exp()
  }
}

extension PreferenceLoss {
  /// The loss of every pair while policy and reference are the same model, where it is the same whatever the pairs; else nil.
  ///
  /// It is computed from the formulas, over two batches of made-up pairs.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func valueAtReference() throws(TorchError) -> Double? {
    guard needsReference else { return nil }
    var values: [Double] = []
    for scale in [1.0, 0.37] {
      let same = try scale * Tensor([-3.5, -120, -40, -7.25, -80, -11] as [Double])
      let statistics = try -scale * Tensor.ones([4, 6], dtype: .float64)
      let lengths = try Tensor([2, 60, 11, 5, 25, 7] as [Double])
      let scores = try SideScores(logProbabilities: same, statistics: statistics)
      values += try self(PairScores(policy: scores, reference: same, lengths: lengths)).losses.array(Double.self)
    }
    guard let first = values.first, values.allSatisfy({ abs($0 - first) < 1e-9 * max(1, abs(first)) }) else {
      return nil
    }
    return first
  }
}
