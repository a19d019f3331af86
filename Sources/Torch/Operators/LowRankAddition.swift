import CKernels
import CTorch

/// A low-rank addition to a weight: scale · B A (LoRA: Hu et al., 2021, arXiv:2106.09685).
public struct LowRankAddition {
  /// A, `[rank, in]`
  public var down: Weight
  /// B, `[out, rank]`
  public var up: Weight
  /// What B A is multiplied by.
  public var scale: Double
  /// Which elements of the inputs of A are dropped; nil for none.
  public var dropout: Dropout?

  /// An addition.
  public init(down: Weight, up: Weight, scale: Double, dropout: Dropout? = nil) {
    (self.down, self.up, self.scale, self.dropout) = (down, up, scale, dropout)
  }

  /// Elements that are dropped by chance (Srivastava et al., 2014), the same ones each time for the same key.
  public struct Dropout {
    /// The probability of each element.
    public var probability: Double
    /// An `int64` scalar on the device. A recorded pass reads it too, so it is refilled, not replaced.
    public var key: Tensor
    /// The number of the addition: others drop other elements.
    public var stream: Int

    /// Elements dropped with a probability.
    public init(probability: Double, key: Tensor, stream: Int) {
      (self.probability, self.key, self.stream) = (probability, key, stream)
    }
  }

  fileprivate func withNative<Result>(
    _ body: (ckernels_low_rank) throws(TorchError) -> Result
  ) throws(TorchError) -> Result {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try body(
        ckernels_low_rank(
          down: down.master.handle, up: up.master.handle, down_copy: down.copy?.handle, up_copy: up.copy?.handle,
          key: dropout?.key.handle, scale: scale, dropout: dropout?.probability ?? 0,
          stream: Int64(dropout?.stream ?? 0)))
    }
  }
}

/// Adds what a low-rank addition to a weight contributes, scale · drop(input) Aᵀ Bᵀ, to the products of that weight, in place.
///
/// - Parameters:
///   - products: of one or several weights side by side, `[tokens, n]`
///   - input: what the weights were multiplied by, `[tokens, in]`
///   - column: the first column of the weight's products
/// - Returns: the products
/// - Throws: `TorchError` when shapes do not match.
public func addLowRank(
  _ addition: LowRankAddition, of input: Tensor, to products: Tensor, column: Int = 0
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((products, input)) { () throws(TorchError) in
    try addition.withNative { term throws(TorchError) in
      try produce("addLowRank") {
        ckernels_add_low_rank(products.handle, input.handle, term, Int64(column), &$0, &$1)
      }
    }
  }
}

/// `swiGLUProjection(_:weight:)` with a weight and its low-rank addition.
///
/// - Throws: `TorchError` when shapes do not match.
public func swiGLUProjection(
  _ gateAndUp: Tensor, weight: Weight, adding addition: LowRankAddition
) throws(TorchError) -> Tensor {
  try withExtendedLifetime((gateAndUp, weight)) { () throws(TorchError) in
    try addition.withNative { term throws(TorchError) in
      try produce("swiGLUProjection") {
        ckernels_swiglu_low_rank(
          gateAndUp.handle, weight.master.handle, weight.copy?.handle, term, &$0, &$1)
      }
    }
  }
}
