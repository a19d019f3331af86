/// A weight as matrix products take it: what is learnt, and where products are made in 16 bits a copy of it in that type
/// ("Mixed Precision Training", Micikevicius et al., 2018, arXiv:1710.03740).
///
/// Gradients are summed in the master's type, and belong to it.
public struct Weight {
  /// What is learnt, in `float32` (or `float64`).
  public let master: Tensor
  /// The same numbers in the type of products; nil where they take the master itself.
  public let copy: Tensor?

  /// A weight, and its copy where there is one.
  public init(_ master: Tensor, copy: Tensor? = nil) {
    self.master = master
    self.copy = copy
  }

  /// The type that products with it give.
  public var type: DType { (copy ?? master).dtype }
}
