import Torch

/// A matrix without bias: `[tokens, input] → [tokens, output]`.
public final class Linear: Module {
  /// `[output, input]`
  public let weight: Parameter

  /// - Throws: `TorchError` when memory runs out.
  public init(input: Int, output: Int) throws(TorchError) {
    weight = try Parameter([output, input])
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// The type of its products.
  var type: DType { weight.weight.type }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor { try projections(x, weights: [weight.weight]) }
}

/// A table of vectors, one a token id.
public final class Embedding: Module {
  /// `[entries, size]`
  public let weight: Parameter

  /// - Throws: `TorchError` when memory runs out.
  public init(entries: Int, size: Int) throws(TorchError) {
    weight = try Parameter([entries, size])
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  func callAsFunction(_ ids: Tensor) throws(TorchError) -> Tensor { try embeddingRows(ids, weight: weight.value) }
}

/// Root-mean-square normalisation of rows, with a learnt scale.
public final class RMSNorm: Module {
  /// `[size]`
  public let weight: Parameter
  /// What is added to the mean square.
  let epsilon: Double

  /// - Throws: `TorchError` when memory runs out.
  public init(size: Int, epsilon: Double) throws(TorchError) {
    weight = try Parameter([size])
    self.epsilon = epsilon
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// The norm of x, in a type of its own where one is given.
  func callAsFunction(_ x: Tensor, type: DType? = nil) throws(TorchError) -> Tensor {
    try rowRMSNorm(x, weight: weight.value, epsilon: epsilon, type: type)
  }

  /// x + delta, and that sum's norm; x and its norm without a delta.
  func callAsFunction(
    _ x: Tensor, adding delta: Tensor?, type: DType
  ) throws(TorchError) -> (sum: Tensor, normed: Tensor) {
    guard let delta else { return (x, try self(x, type: type)) }
    return try addThenRMSNorm(x, delta, weight: weight.value, epsilon: epsilon, type: type)
  }
}
