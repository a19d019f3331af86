import Torch

// Objectives that judge each side by itself. Notation: r = log π − log π_ref of a side.
extension Objective {
  static let sideObjectives = [ncaPair, bcoPair, sppoHard, apoZero, apoDown]

  private static let sides: Traits = [.reference, .weighting, .tokenSums]

  /// −log σ(βr_w) − ½ log σ(−βr_w) − ½ log σ(−βr_l)
  static let ncaPair = Objective(
    "nca_pair", "NCA for pairs (Chen et al., 2024, arXiv:2402.05369)", sides
  ) { t throws(TorchError) in
    let (w, l) = (try t.beta * t.chosen.logRatio, try t.beta * t.rejected.logRatio)
    return try -w.logSigmoid() - 0.5 * (-w).logSigmoid() - 0.5 * (-l).logSigmoid()
  }

  /// −log σ(βr_w) − log σ(−βr_l), with δ = 0 as in TRL
  static let bcoPair = Objective(
    "bco_pair", "BCO for pairs (Jung et al., 2024, arXiv:2404.04656), without a running mean, as in TRL", sides
  ) { t throws(TorchError) in
    try -(t.beta * t.chosen.logRatio).logSigmoid() - (-t.beta * t.rejected.logRatio).logSigmoid()
  }

  /// (r_w − 1/(2β))² + (r_l + 1/(2β))²
  static let sppoHard = Objective(
    "sppo_hard", "SPPO with hard probabilities (Wu et al., 2024, arXiv:2405.00675, eq. 4.7)", sides
  ) { t throws(TorchError) in
    let half = 1 / (2 * t.beta)
    return try (t.chosen.logRatio - half).power(2) + (t.rejected.logRatio + half).power(2)
  }

  /// 1 − σ(βr_w) + σ(βr_l)
  static let apoZero = Objective(
    "apo_zero", "APO-zero (D'Oosterlinck et al., 2024, arXiv:2408.06266, eq. 7): answers better than the model's own",
    sides
  ) { t throws(TorchError) in
    try 1 - (t.beta * t.chosen.logRatio).sigmoid() + (t.beta * t.rejected.logRatio).sigmoid()
  }

  /// σ(βr_w) + 1 − σ(β(r_w − r_l))
  static let apoDown = Objective(
    "apo_down", "APO-down (the same paper, eq. 8): answers worse than the model's own", sides
  ) { t throws(TorchError) in
    let difference = try t.chosen.logRatio - t.rejected.logRatio
    return try (t.beta * t.chosen.logRatio).sigmoid() + 1 - (t.beta * difference).sigmoid()
  }
}
