import Torch

/// How the log-probabilities of a pair become a loss.
///
/// With the log-ratio r = log π − log π_ref of a side, Δ = r_chosen − r_rejected, and label smoothing ε (the probability that
/// a preference is the wrong way round):
///
///     loss = −(1 − ε) log σ(βΔ) − ε log σ(−βΔ)
///
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
  ///   - weights: what the loss of each pair counts, `[pairs]`: 0 for padding; 1 where nil
  /// - Throws: `TorchError` when LibTorch fails.
  public func callAsFunction(
    policy: Tensor, reference: Tensor, weights: Tensor? = nil
  ) throws(TorchError) -> PairLosses {
    let logRatios = try policy - reference
    let (chosen, rejected) = try logRatios.sides()
    let margins = try beta * (chosen - rejected)

    var losses = try -(1 - labelSmoothing) * margins.logSigmoid()
    if labelSmoothing > 0 { losses = try losses - labelSmoothing * (-margins).logSigmoid() }
    if let weights { losses = try losses * weights }
    return PairLosses(losses: losses, rewards: try beta * logRatios.detached())
  }
}

/// The losses of a micro-batch, and what they were made of.
public struct PairLosses {
  /// `[pairs]`, with gradients
  public let losses: Tensor
  /// β(log π − log π_ref) of each side, `[2 · pairs]`, chosen sides first, without gradients
  public let rewards: Tensor
}
