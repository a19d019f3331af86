import Torch

/// A matrix without bias: `[…, input] → […, output]`.
public final class Linear: Module {
  /// `[output, input]`
  public let weight: Parameter

  /// - Throws: `TorchError` when memory runs out.
  public init(input: Int, output: Int) throws(TorchError) {
    weight = try Parameter([output, input])
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor { try linear(x, weight: weight.value) }
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

  func callAsFunction(_ ids: Tensor) throws(TorchError) -> Tensor { try embedding(ids, weight: weight.value) }
}

/// Root-mean-square normalisation over the last dimension, with a learnt scale.
public final class RMSNorm: Module {
  /// `[size]`
  public let weight: Parameter
  private let epsilon: Double

  /// - Throws: `TorchError` when memory runs out.
  public init(size: Int, epsilon: Double) throws(TorchError) {
    weight = try Parameter([size])
    self.epsilon = epsilon
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try rmsNorm(x, weight: weight.value, epsilon: epsilon)
  }
}
