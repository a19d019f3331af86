import Torch

/// A linear layer: `[tokens, input] → [tokens, output]`.
public final class Linear: Module {
  /// `[output, input]`
  public let weight: Parameter
  /// `[output]`; nil in most models.
  public let bias: Parameter?
  /// What is trained beside the weight, which is then frozen; nil where the weight itself is trained.
  var adapter: LowRankAdapter?

  /// - Throws: `TorchError` when memory runs out.
  public init(input: Int, output: Int, hasBias: Bool = false) throws(TorchError) {
    weight = try Parameter([output, input])
    bias = hasBias ? try Parameter([output]) : nil
  }

  /// The weight. The bias is declared by the module around this one, after all of its weights: weights that are neighbours in
  /// memory are one product.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// The compute dtype.
  var type: DType { weight.weight.type }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor { try Linear.sideBySide([self], x) }

  /// The results of one to three layers, side by side: `[tokens, Σ output]`.
  static func sideBySide(_ layers: [Linear], _ x: Tensor) throws(TorchError) -> Tensor {
    let products = try adapted(projections(x, weights: layers.map(\.weight.weight)), of: layers, x)
    let biases = layers.compactMap(\.bias?.value)
    guard !biases.isEmpty else { return products }
    precondition(biases.count == layers.count, "layers side by side have biases together or none")
    return try products + .concatenate(biases).to(products.dtype)
  }
}

/// A table with one vector for each token id.
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

/// Root-mean-square normalization of rows, with a learned scale (Zhang & Sennrich, 2019, arXiv:1910.07467).
public final class RMSNorm: Module {
  /// `[size]`
  public let weight: Parameter
  /// Added to the mean square.
  let epsilon: Double

  /// - Throws: `TorchError` when memory runs out.
  public init(size: Int, epsilon: Double) throws(TorchError) {
    weight = try Parameter([size])
    self.epsilon = epsilon
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// x, normalized; in another type if one is given.
  func callAsFunction(_ x: Tensor, type: DType? = nil) throws(TorchError) -> Tensor {
    try rowRMSNorm(x, weight: weight.value, epsilon: epsilon, type: type)
  }

  /// x + delta and the normalized sum; x and normalized x if there is no delta.
  func callAsFunction(
    _ x: Tensor, adding delta: Tensor?, type: DType
  ) throws(TorchError) -> (sum: Tensor, normed: Tensor) {
    guard let delta else { return (x, try self(x, type: type)) }
    return try addThenRMSNorm(x, delta, weight: weight.value, epsilon: epsilon, type: type)
  }
}
