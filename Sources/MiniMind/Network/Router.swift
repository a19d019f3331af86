import Torch

/// Chooses for each token the experts that it passes through: those of the largest probabilities.
///
/// The probabilities, softmax(x Wᵀ), are computed in `float32` whatever the compute dtype is, from the master weight: a
/// rounded one would send tokens to other experts.
public final class Router: Module {
  /// `[experts, hidden]`
  public let weight: Parameter
  private let perToken: Int
  private let normalizes: Bool

  /// What was decided for some tokens.
  struct Choice {
    /// Softmax over all experts, `[tokens, experts]`
    let probabilities: Tensor
    /// The experts of each token, `[tokens, chosen]`, `int64`
    let experts: Tensor
    /// What their results are multiplied by, `[tokens, chosen]`; nil where it is 1
    let weights: Tensor?

    /// The choice for some of the tokens, `[n]`, `int64`.
    func rows(_ rows: Tensor) throws(TorchError) -> Choice {
      Choice(
        probabilities: try probabilities.indexSelect(0, rows), experts: try experts.indexSelect(0, rows),
        weights: try weights?.indexSelect(0, rows))
    }
  }

  init(_ experts: ExpertConfiguration, hidden: Int) throws(TorchError) {
    weight = try Parameter([experts.count, hidden])
    (perToken, normalizes) = (experts.perToken, experts.normalizesWeights)
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// - Parameter x: `[tokens, hidden]`
  func callAsFunction(_ x: Tensor) throws(TorchError) -> Choice {
    let probabilities = try projections(x, weights: [Weight(weight.value)]).softmax(1)
    let (largest, experts) = try probabilities.top(perToken, 1)
    // A single weight that is scaled to the sum 1 is 1, and has no gradient.
    if normalizes, perToken == 1 { return Choice(probabilities: probabilities, experts: experts, weights: nil) }
    // MiniMind's 1e-20, which `transformers` does without, keeps 0 / 0 apart; it is below the precision of any other sum.
    let weights = normalizes ? try largest / (largest.sum(1, keepDim: true) + 1e-20) : largest
    return Choice(probabilities: probabilities, experts: experts, weights: weights)
  }
}
