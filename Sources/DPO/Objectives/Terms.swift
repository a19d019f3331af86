import Torch

/// What a formula is made of: the quantities of a batch of pairs, under the letters of the papers.
struct Terms {
  /// The constants.
  let loss: PreferenceLoss
  let chosen: Side
  let rejected: Side
  /// What an objective's `coupling` found in the whole global batch, `[pairs]` each.
  var couplings: [Tensor] = []
  /// The mean number of target tokens of a chosen side in the global batch, a scalar.
  let meanChosenLength: Tensor
  /// What WPO multiplies the loss of each pair with, `[pairs]`, without gradients; nil without WPO.
  let pairWeights: Tensor?

  /// One side of each pair; everything is `[pairs]`, `float64`.
  struct Side {
    /// log π, summed over the target tokens
    let logProbability: Tensor
    /// The same where no token counts less than others
    let tokenSum: Tensor
    /// log π − log π_ref; not to be asked for without a reference
    let logRatio: Tensor
    /// log π_ref; likewise
    let reference: Tensor
    /// s = f(log ratio)
    let score: Tensor
    /// Target tokens, at least 1
    let length: Tensor

    /// log π per token
    func mean() throws(TorchError) -> Tensor { try tokenSum / length }
  }

  /// β
  var beta: Double { loss.beta }
  /// Δ = s_w − s_l
  func delta() throws(TorchError) -> Tensor { try chosen.score - rejected.score }
  /// Δ where both scores are divided by the lengths of their sides
  func meanDelta() throws(TorchError) -> Tensor {
    try chosen.score / chosen.length - rejected.score / rejected.length
  }

  /// −(1 − ε) log σ(z) − ε log σ(−z)
  func smoothed(_ z: Tensor) throws(TorchError) -> Tensor {
    let epsilon = loss.labelSmoothing
    let right = try -(1 - epsilon) * z.logSigmoid()
    return epsilon == 0 ? right : try right - epsilon * (-z).logSigmoid()
  }

  /// Each pair's part of the mean negative log-likelihood of all chosen tokens of the global batch: the mean over the pairs
  /// is the mean over the tokens.
  func chosenNegativeLogLikelihood() throws(TorchError) -> Tensor { try -(chosen.tokenSum / meanChosenLength) }
}
