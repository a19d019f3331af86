import CTorch

extension Tensor {
  /// The slices of a dimension at the given indices (`int64` or `int32`, a vector), in their order.
  ///
  /// - Throws: `TorchError` when the index is not a vector of integers, or is out of range.
  public func indexSelect(_ dim: Int, _ index: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime(index) { () throws(TorchError) in
      try derive("indexSelect") { ctorch_index_select(handle, Int64(dim), index.handle, &$0, &$1) }
    }
  }

  /// `out[i][j] = self[i][index[i][j]]` for dim 1; other dimensions accordingly. `index` is `int64`.
  ///
  /// - Throws: `TorchError` when the index has another rank or type, or is out of range.
  public func gather(_ dim: Int, _ index: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime(index) { () throws(TorchError) in
      try derive("gather") { ctorch_gather(handle, Int64(dim), index.handle, &$0, &$1) }
    }
  }

  /// A copy in which slice `i` of `source` is added to slice `index[i]` of a dimension.
  ///
  /// - Throws: `TorchError` when index and source differ in length, or an index is out of range.
  public func indexAdd(_ dim: Int, _ index: Tensor, _ source: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime((index, source)) { () throws(TorchError) in
      try derive("indexAdd") { ctorch_index_add(handle, Int64(dim), index.handle, source.handle, &$0, &$1) }
    }
  }
}
