import CTorch

extension Tensor {
  /// The slices of a dimension that a vector of places (`int64` or `int32`) names, in its order.
  ///
  /// - Throws: `TorchError` when the index is not a vector of whole numbers, or names a slice that does not exist.
  public func indexSelect(_ dim: Int, _ index: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime(index) { () throws(TorchError) in
      try derive("indexSelect") { ctorch_index_select(handle, Int64(dim), index.handle, &$0, &$1) }
    }
  }

  /// `out[i][j] = self[i][index[i][j]]` for dim 1, and likewise for others; `index` is `int64`.
  ///
  /// - Throws: `TorchError` when the index has another rank or type, or names an element that does not exist.
  public func gather(_ dim: Int, _ index: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime(index) { () throws(TorchError) in
      try derive("gather") { ctorch_gather(handle, Int64(dim), index.handle, &$0, &$1) }
    }
  }

  /// A copy to whose slices `index[i]` of a dimension slice `i` of `source` has been added.
  ///
  /// - Throws: `TorchError` when index and source differ in length, or the index names a slice that does not exist.
  public func indexAdd(_ dim: Int, _ index: Tensor, _ source: Tensor) throws(TorchError) -> Tensor {
    try withExtendedLifetime((index, source)) { () throws(TorchError) in
      try derive("indexAdd") { ctorch_index_add(handle, Int64(dim), index.handle, source.handle, &$0, &$1) }
    }
  }
}
