import Torch

/// How what two models say of pairs becomes a loss: a weighted sum of objectives, with their constants and modifiers.
///
/// Names, meanings and defaults are those of TRL's `DPOConfig`, `CPOConfig` and `ORPOConfig`.
public struct PreferenceLoss: Sendable, Hashable {
  /// An objective and what its loss is multiplied with.
  public struct Part: Sendable, Hashable {
    /// The objective.
    public var objective: Objective
    /// Its weight.
    public var weight: Double

    /// An objective with a weight.
    public init(_ objective: Objective, weight: Double = 1) { (self.objective, self.weight) = (objective, weight) }
  }

  /// The objectives whose weighted losses are added; at least one.
  public var parts: [Part]
  /// β, the strength of the pull towards the reference.
  public var beta: Double
  /// ε, the probability that a preference is the wrong way round, in 0 ..< 0.5.
  public var labelSmoothing: Double
  /// How log-ratios become scores.
  public var divergence = Divergence.reverseKL
  /// α of the α-divergence.
  public var divergenceCoefficient = 0.5
  /// Whether the loss of a pair is multiplied by how probable the policy finds its answers (WPO: Zhou et al., 2024,
  /// arXiv:2406.11827).
  public var weighsPairs = false
  /// What each token after the length of the shorter side counts, for policy and reference alike; nil for 1 (LD-DPO: Liu et
  /// al., 2024, arXiv:2409.06411).
  public var excessTokenWeight: Double?
  /// τ of `discopop`.
  public var discopopTau = 0.05
  /// α of `cpo`, what its negative log-likelihood counts.
  public var cpoAlpha = 1.0
  /// γ of `simpo`, the margin it aims at.
  public var simpoGamma = 0.5
  /// λ of `dpop`, what a chosen answer that became less probable costs.
  public var dpopLambda = 50.0

  /// A sum of objectives; DPO where none is named.
  public init(_ parts: [Part] = [Part(.sigmoid)], beta: Double = 0.1, labelSmoothing: Double = 0) {
    (self.parts, self.beta, self.labelSmoothing) = (parts, beta, labelSmoothing)
  }

  /// A single objective.
  public init(_ objective: Objective, beta: Double = 0.1, labelSmoothing: Double = 0) {
    self.init([Part(objective)], beta: beta, labelSmoothing: labelSmoothing)
  }

  /// Supervised fine-tuning: the mean negative log-likelihood of the target tokens of a global batch, whichever texts they are
  /// in (`num_items_in_batch` of `transformers`). Nothing is compared; texts are pairs without a rejected side.
  public static let supervised = PreferenceLoss(.sft)

  /// The loss of each pair.
  ///
  /// - Parameters:
  ///   - scores: what the models say of the pairs
  ///   - couplings: what `couplings(of:)` found for them in the global batch, `[couplings, pairs]`; nil where they are the
  ///     global batch
  /// - Throws: `TorchError` when LibTorch fails.
  public func callAsFunction(_ scores: PairScores, couplings: Tensor? = nil) throws(TorchError) -> PairLosses {
    var terms = try self.terms(scores)
    let couplings = if let couplings { couplings } else { try self.couplings(of: scores) }
    var row = 0
    var sum: Tensor?
    for part in parts {
      let count = part.objective.coupling?.count ?? 0
      terms.couplings = try (row..<row + count).map { row throws(TorchError) in
        guard let couplings else { preconditionFailure("\(part.objective.name) has couplings") }
        return try couplings.select(0, row)
      }
      row += count
      var losses = try part.objective.losses(terms)
      if let weights = terms.pairWeights { losses = try losses * weights }
      if part.weight != 1 { losses = try part.weight * losses }
      sum = if let known = sum { try known + losses } else { losses }
    }
    guard var losses = sum else { preconditionFailure("a loss has at least one objective") }
    if let weights = scores.weights { losses = try losses * weights }
    return PairLosses(losses: losses, rewards: try rewards(scores))
  }

  /// What ties the pairs of a global batch together, `[couplings, pairs]`, without gradients; nil where nothing does.
  ///
  /// - Parameter scores: of all pairs of the global batch
  /// - Throws: `TorchError` when LibTorch fails.
  public func couplings(of scores: PairScores) throws(TorchError) -> Tensor? {
    guard couplesPairs else { return nil }
    return try withoutGrad { () throws(TorchError) in
      let terms = try self.terms(scores)
      var rows: [Tensor] = []
      for part in parts { rows += try part.objective.coupling?.values(terms) ?? [] }
      return try .stack(rows)
    }
  }

  /// The number of rows of `couplings(of:)`.
  public var couplingCount: Int { parts.reduce(0) { $0 + ($1.objective.coupling?.count ?? 0) } }
  /// Whether the loss of a pair depends on more of the others of the global batch than the number of their tokens.
  public var couplesPairs: Bool { couplingCount > 0 }
  /// Whether a reference model is needed.
  public var needsReference: Bool { parts.contains { $0.objective.traits.contains(.reference) } }

  /// β(log π − log π_ref) of each side, `[2 · pairs]`, without gradients; without a reference β log π, per token where the
  /// objective counts so.
  private func rewards(_ scores: PairScores) throws(TorchError) -> Tensor {
    let policy = try scores.policy.logProbabilities.detached()
    if let reference = scores.reference { return try beta * (policy - reference) }
    let isMean = parts.first?.objective.traits.contains(.meanRewards) ?? false
    return try beta * (isMean ? policy / scores.lengths.maximum(.ones([], device: policy.device)) : policy)
  }
}

/// The losses of a batch, and what they were made of.
public struct PairLosses {
  /// `[pairs]`, with gradients
  public let losses: Tensor
  /// β(log π − log π_ref) of each side, `[2 · pairs]`, chosen sides first, without gradients
  public let rewards: Tensor
}
