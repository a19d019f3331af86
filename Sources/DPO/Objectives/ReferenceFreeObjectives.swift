import Torch

// Objectives that need no reference model: none runs, and none is held in memory.
extension Objective {
  static let referenceFreeObjectives = [sft, cpo, simpo, orpo]

  /// The mean negative log-likelihood of all chosen tokens of the global batch
  public static let sft = Objective(
    "sft", "supervised fine-tuning on the chosen answers; as a part of a mixture the term of RPO",
    [.divergence, .tokenSums]
  ) { t throws(TorchError) in try t.chosenNegativeLogLikelihood() }

  /// −(1 − ε) log σ(β(log π_w − log π_l)) − ε log σ(−…) + α · NLL
  static let cpo = Objective(
    "cpo", "CPO (Xu et al., 2024, arXiv:2401.08417), with --cpo-alpha", [], smoothing: .optional
  ) { t throws(TorchError) in
    let preference = try t.smoothed(t.beta * (t.chosen.logProbability - t.rejected.logProbability))
    return try preference + t.loss.cpoAlpha * t.chosenNegativeLogLikelihood()
  }

  /// −log σ(β(mean log π_w − mean log π_l) − γ), smoothed likewise
  static let simpo = Objective(
    "simpo", "SimPO (Meng et al., 2024, arXiv:2405.14734), with --simpo-gamma", [.weighting, .meanRewards],
    smoothing: .optional
  ) { t throws(TorchError) in
    try t.smoothed(t.beta * (t.chosen.mean() - t.rejected.mean()) - t.loss.simpoGamma)
  }

  /// NLL − β log σ(log odds_w − log odds_l), with log odds = log p − log(1 − p) and log p the mean over the tokens
  static let orpo = Objective(
    "orpo", "ORPO (Hong et al., 2024, arXiv:2403.07691); β is the paper's λ", .meanRewards
  ) { t throws(TorchError) in
    func logOdds(_ side: Terms.Side) throws(TorchError) -> Tensor {
      let mean = try side.mean()
      return try mean - (1 - mean.exp()).log()
    }
    let ratio = try logOdds(t.chosen) - logOdds(t.rejected)
    return try t.chosenNegativeLogLikelihood() - t.beta * ratio.logSigmoid()
  }
}
