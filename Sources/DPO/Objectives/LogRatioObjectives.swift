import Foundation
import Torch

// Objectives of the difference between the two sides. Notation: r = log π − log π_ref of a side, s = f(r), Δ = s_w − s_l,
// |w| and |l| the numbers of target tokens.
extension Objective {
  static let logRatioObjectives = [sigmoid, hinge, ipo, exoPair, robust, discopop, sigmoidNorm, dpop]

  private static let scores: Traits = [.reference, .divergence, .weighting, .tokenSums]

  /// −(1 − ε) log σ(βΔ) − ε log σ(−βΔ)
  public static let sigmoid = Objective(
    "sigmoid", "DPO (Rafailov et al., 2023, arXiv:2305.18290); with label smoothing conservative DPO (Mitchell, 2023)",
    scores, smoothing: .optional
  ) { t throws(TorchError) in try t.smoothed(t.beta * t.delta()) }

  /// max(0, 1 − βΔ)
  public static let hinge = Objective("hinge", "SLiC (Zhao et al., 2023, arXiv:2305.10425)", scores) {
    t throws(TorchError) in
    try (1 - t.beta * t.delta()).relu()
  }

  /// (s_w/|w| − s_l/|l| − 1/(2β))²
  public static let ipo = Objective(
    "ipo", "IPO, per token (Azar et al., 2023, arXiv:2310.12036, eq. 17); β is the paper's τ", scores
  ) { t throws(TorchError) in try (t.meanDelta() - 1 / (2 * t.beta)).power(2) }

  /// σ(βΔ)[log σ(βΔ) − log(1 − ε)] + σ(−βΔ)[log σ(−βΔ) − log ε]
  static let exoPair = Objective(
    "exo_pair", "EXO (Ji et al., 2024, arXiv:2402.00856, eq. 16); needs --label-smoothing, about 1e-3", scores,
    smoothing: .required
  ) { t throws(TorchError) in
    let z = try t.beta * t.delta()
    let epsilon = t.loss.labelSmoothing
    return try z.sigmoid() * (z.logSigmoid() - log(1 - epsilon)) + (-z).sigmoid() * ((-z).logSigmoid() - log(epsilon))
  }

  /// [−(1 − ε) log σ(βΔ) + ε log σ(−βΔ)] / (1 − 2ε)
  static let robust = Objective(
    "robust", "Robust DPO (Chowdhury et al., 2024, arXiv:2403.00409)", scores, smoothing: .optional
  ) { t throws(TorchError) in
    let z = try t.beta * t.delta()
    let epsilon = t.loss.labelSmoothing
    return try (epsilon * (-z).logSigmoid() - (1 - epsilon) * z.logSigmoid()) / (1 - 2 * epsilon)
  }

  /// With z = βΔ and m = σ(z/τ): (1 − m)(−log σ(z)) + m e^(−z)
  static let discopop = Objective(
    "discopop", "DiscoPOP (Lu et al., 2024, arXiv:2406.08414, eq. 5), with --discopop-tau", scores
  ) { t throws(TorchError) in
    let z = try t.beta * t.delta()
    let m = try (z / t.loss.discopopTau).sigmoid()
    return try m * (-z).exp() - (1 - m) * z.logSigmoid()
  }

  /// The sigmoid loss of β(s_w/|w| − s_l/|l|)
  static let sigmoidNorm = Objective(
    "sigmoid_norm", "length-normalised DPO (Lambert et al., 2024, Tülu 3, arXiv:2411.15124)", scores,
    smoothing: .optional
  ) { t throws(TorchError) in try t.smoothed(t.beta * t.meanDelta()) }

  /// −log σ(β(r_w − r_l − λ max(0, −r_w)))
  static let dpop = Objective(
    "dpop", "DPO-Positive (Pal et al., 2024, arXiv:2402.13228, eq. 3), with --dpop-lambda",
    [.reference, .weighting, .tokenSums]
  ) { t throws(TorchError) in
    let penalty = try (-t.chosen.logRatio).relu()
    let margin = try t.chosen.logRatio - t.rejected.logRatio - t.loss.dpopLambda * penalty
    return try -(t.beta * margin).logSigmoid()
  }
}
