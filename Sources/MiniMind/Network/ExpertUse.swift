import Torch

/// How the routers of a forward pass used their experts: what the load-balancing loss is made of.
///
/// Sums over tokens, in double precision. Those of several micro-batches, or ranks, add up to those of all their tokens.
public final class ExpertUse {
  /// How often each token counts, `[tokens]`, `float64`: once for each sequence that it stands in.
  let tokenCounts: Tensor
  /// For each layer with experts, in order, `[2, experts]`, `float64`: the sum of the router's probabilities, which has
  /// gradients, and how many tokens passed through the expert.
  public private(set) var layers: [Tensor] = []

  /// - Parameter tokenCounts: how often each token counts, `[tokens]`
  /// - Throws: `TorchError` when memory runs out.
  public init(counting tokenCounts: Tensor) throws(TorchError) { self.tokenCounts = try tokenCounts.to(.float64) }

  func append(_ layer: Tensor) { layers.append(layer) }

  /// The sums of one layer.
  func sums(of choice: Router.Choice) throws(TorchError) -> Tensor {
    let experts = try choice.probabilities.size(1)
    let perToken = try choice.experts.size(1)
    let probabilities = try (choice.probabilities.to(.float64) * tokenCounts.unsqueeze(1)).sum(0)
    let counts = try tokenCounts.unsqueeze(1).expand([tokenCounts.count, perToken]).reshape([-1])
    let loads = try Tensor.zeros([experts], dtype: .float64, device: counts.device)
      .indexAdd(0, choice.experts.reshape([-1]), counts)
    return try .stack([probabilities, loads])
  }
}
