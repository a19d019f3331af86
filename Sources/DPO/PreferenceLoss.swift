import Torch

/// How a pair's log-probabilities become a loss.
///
/// With r = log π − log π_ref of a side, Δ = r_chosen − r_rejected, and label smoothing ε (the probability that a
/// preference is the wrong way round):
/// −(1 − ε) log σ(βΔ) − ε log σ(−βΔ).
/// ε = 0 is DPO (Rafailov et al., 2023, arXiv:2305.18290), ε > 0 conservative DPO
/// (Mitchell, 2023, "A note on DPO with noisy preferences").
public struct PreferenceLoss: Sendable, Hashable {
  /// β, the strength of the pull towards the reference.
  public var beta: Double
  /// ε, in 0 ..< 0.5.
  public var labelSmoothing: Double

  /// A sigmoid loss.
  public init(beta: Double = 0.1, labelSmoothing: Double = 0) {
    self.beta = beta
    self.labelSmoothing = labelSmoothing
  }

  /// The loss of each pair, and the rewards β·r that it came from.
  ///
  /// - Parameters:
  ///   - policy: log π of each side, `[2 · pairs]`, chosen sides first
  ///   - reference: log π_ref likewise, without gradients
  ///   - weights: what each pair's loss counts, `[pairs]`: 0 for padding; 1 where nil
  /// - Throws: `TorchError` when LibTorch fails.
  public func callAsFunction(
    policy: Tensor, reference: Tensor, weights: Tensor? = nil
  ) throws(TorchError) -> PairLosses {
    let pairs = policy.count / 2
    let ratios = try policy.subtract(reference)
    let difference = try ratios.narrow(0, 0, pairs).subtract(ratios.narrow(0, pairs, pairs)).multiply(beta)
    var losses = try difference.logSigmoid().multiply(-(1 - labelSmoothing))
    if labelSmoothing > 0 {
      losses = try losses.subtract(difference.negated().logSigmoid().multiply(labelSmoothing))
    }
    if let weights { losses = try losses.multiply(weights) }
    return PairLosses(losses: losses, rewards: try ratios.detached().multiply(beta))
  }
}

/// What a loss says of the pairs of a micro-batch.
public struct PairLosses {
  /// `[pairs]`, with gradients
  public let losses: Tensor
  /// β(log π − log π_ref) of each side, `[2 · pairs]`, chosen sides first, without gradients
  public let rewards: Tensor
}
