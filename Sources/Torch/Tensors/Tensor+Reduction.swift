import CTorch

extension Tensor {
  private func reduce(
    _ name: String, _ reduction: ctorch_reduction, _ dim: Int?, keepDim: Bool
  ) throws(TorchError) -> Tensor {
    try derive(name) {
      if let dim {
        ctorch_reduce(reduction, handle, Int64(dim), keepDim, &$0, &$1)
      } else {
        ctorch_reduce_all(reduction, handle, &$0, &$1)
      }
    }
  }

  /// The sum over a dimension, or over all elements.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func sum(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("sum", CTORCH_SUM, dim, keepDim: keepDim)
  }

  /// The mean over a dimension, or over all elements.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or for a type that lacks the operator.
  public func mean(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("mean", CTORCH_MEAN, dim, keepDim: keepDim)
  }

  /// The largest element along a dimension, or of all.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or no element.
  public func max(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("max", CTORCH_AMAX, dim, keepDim: keepDim)
  }

  /// The smallest element along a dimension, or of all.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or no element.
  public func min(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("min", CTORCH_AMIN, dim, keepDim: keepDim)
  }

  /// Whether any element is true, along a dimension or of all.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func any(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("any", CTORCH_ANY, dim, keepDim: keepDim)
  }

  /// Whether every element is true, along a dimension or of all.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func all(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("all", CTORCH_ALL, dim, keepDim: keepDim)
  }

  /// The index (`int64`) of the largest element along a dimension, or of all in row-major order.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or no element.
  public func argmax(_ dim: Int? = nil, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("argmax", CTORCH_ARGMAX, dim, keepDim: keepDim)
  }

  /// log Σ eˣ along a dimension, without overflow.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or for a type that lacks the operator.
  public func logSumExp(_ dim: Int, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try reduce("logSumExp", CTORCH_LOGSUMEXP, dim, keepDim: keepDim)
  }

  /// The Euclidean norm of all elements, a scalar.
  ///
  /// - Throws: `TorchError` for a type that lacks the operator, or when memory runs out.
  public func norm() throws(TorchError) -> Tensor { try derive("norm") { ctorch_norm(handle, &$0, &$1) } }

  /// eˣ / Σ eˣ along a dimension.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or for a type that lacks the operator.
  public func softmax(_ dim: Int) throws(TorchError) -> Tensor {
    try derive("softmax") { ctorch_softmax(handle, Int64(dim), false, &$0, &$1) }
  }

  /// The logarithm of `softmax`, without overflow.
  ///
  /// - Throws: `TorchError` when there is no such dimension, or for a type that lacks the operator.
  public func logSoftmax(_ dim: Int) throws(TorchError) -> Tensor {
    try derive("logSoftmax") { ctorch_softmax(handle, Int64(dim), true, &$0, &$1) }
  }

  /// Running sums along a dimension.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func cumulativeSum(_ dim: Int) throws(TorchError) -> Tensor {
    try derive("cumulativeSum") { ctorch_cumsum(handle, Int64(dim), &$0, &$1) }
  }

  /// The elements of a dimension in order, and their original indices (`int64`).
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func sorted(
    _ dim: Int, descending: Bool = false
  ) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    var indices: ctorch_tensor?
    let values = try derive("sorted") { ctorch_sort(handle, Int64(dim), descending, &$0, &indices, &$1) }
    return try (values, owned(indices, by: "sorted"))
  }

  /// The `k` largest elements of a dimension, largest first, and their indices (`int64`).
  ///
  /// - Throws: `TorchError` when there is no such dimension, or it is shorter than `k`.
  public func top(_ k: Int, _ dim: Int = -1) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    var indices: ctorch_tensor?
    let values = try derive("top") { ctorch_topk(handle, Int64(k), Int64(dim), &$0, &indices, &$1) }
    return try (values, owned(indices, by: "top"))
  }

  private func owned(_ handle: ctorch_tensor?, by name: String) throws(TorchError) -> Tensor {
    guard let handle else { throw TorchError(kind: .failed, operatorName: name, reason: "no tensor was returned") }
    return Tensor(owning: handle)
  }
}
