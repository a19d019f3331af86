/// A weight for matmuls: the master weight and, if the compute dtype has 16 bits, a copy in that type
/// ("Mixed Precision Training", Micikevicius et al., 2018, arXiv:1710.03740).
///
/// Gradients belong to the master weight and are summed in its type.
public struct Weight {
  /// The master weight, `float32` (or `float64`).
  public let master: Tensor
  /// A copy in the compute dtype; nil if matmuls use the master weight itself.
  public let copy: Tensor?

  /// A weight and its copy, if there is one.
  public init(_ master: Tensor, copy: Tensor? = nil) {
    self.master = master
    self.copy = copy
  }

  /// The type of matmul results.
  public var type: DType { (copy ?? master).dtype }
}
