import CTorch

extension Tensor {
  /// The same elements in row-major order without gaps; the tensor itself if it already is contiguous.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func contiguous() throws(TorchError) -> Tensor {
    try derive("contiguous") { ctorch_contiguous(handle, &$0, &$1) }
  }

  /// A copy with separate storage.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func clone() throws(TorchError) -> Tensor {
    try derive("clone") { ctorch_clone(handle, &$0, &$1) }
  }

  /// The elements in another type or on another device; the tensor itself if nothing changes.
  ///
  /// - Throws: `TorchError` when the device does not exist, or its memory runs out.
  public func to(
    _ dtype: DType? = nil, device: Device? = nil, nonBlocking: Bool = false
  ) throws(TorchError) -> Tensor {
    try derive("to") {
      ctorch_to(handle, (dtype ?? self.dtype).code, (device ?? self.device).code, nonBlocking, &$0, &$1)
    }
  }

  /// The same elements in another shape; one length may be -1 and is then computed. Copies if necessary.
  ///
  /// - Throws: `TorchError` when the shape takes another number of elements.
  public func reshape(_ shape: [Int]) throws(TorchError) -> Tensor {
    try derive("reshape") { out, error in withSizes(shape) { ctorch_reshape(handle, $0, $1, &out, &error) } }
  }

  /// Like `reshape`, but shares storage and throws if a copy would be necessary.
  ///
  /// - Throws: `TorchError` when the shape takes another number of elements, or would need a copy.
  public func view(_ shape: [Int]) throws(TorchError) -> Tensor {
    try derive("view") { out, error in withSizes(shape) { ctorch_view(handle, $0, $1, &out, &error) } }
  }

  /// Dimensions of length 1 repeated to the given lengths without copying; -1 keeps a length.
  ///
  /// - Throws: `TorchError` when a length other than 1 would have to change.
  public func expand(_ shape: [Int]) throws(TorchError) -> Tensor {
    try derive("expand") { out, error in withSizes(shape) { ctorch_expand(handle, $0, $1, &out, &error) } }
  }

  /// A view with two dimensions exchanged.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func transpose(_ first: Int, _ second: Int) throws(TorchError) -> Tensor {
    try derive("transpose") { ctorch_transpose(handle, Int64(first), Int64(second), &$0, &$1) }
  }

  /// A view with the dimensions in another order.
  ///
  /// - Throws: `TorchError` when the order does not name every dimension once.
  public func permute(_ order: [Int]) throws(TorchError) -> Tensor {
    try derive("permute") { out, error in withSizes(order) { ctorch_permute(handle, $0, $1, &out, &error) } }
  }

  /// A view of the part `start ..< start + length` of a dimension.
  ///
  /// - Throws: `TorchError` when the part lies outside the dimension.
  public func narrow(_ dim: Int, _ start: Int, _ length: Int) throws(TorchError) -> Tensor {
    try derive("narrow") { ctorch_narrow(handle, Int64(dim), Int64(start), Int64(length), &$0, &$1) }
  }

  /// A view of one index of a dimension, without that dimension.
  ///
  /// - Throws: `TorchError` when there is no such dimension or index.
  public func select(_ dim: Int, _ index: Int) throws(TorchError) -> Tensor {
    try derive("select") { ctorch_select(handle, Int64(dim), Int64(index), &$0, &$1) }
  }

  /// A view with an additional dimension of length 1.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func unsqueeze(_ dim: Int) throws(TorchError) -> Tensor {
    try derive("unsqueeze") { ctorch_unsqueeze(handle, Int64(dim), &$0, &$1) }
  }

  /// A view without a dimension of length 1.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func squeeze(_ dim: Int) throws(TorchError) -> Tensor {
    try derive("squeeze") { ctorch_squeeze(handle, Int64(dim), &$0, &$1) }
  }

  /// Views of consecutive parts of a dimension, whose lengths add up to its length.
  ///
  /// - Throws: `TorchError` when the lengths do not add up.
  public func split(_ lengths: [Int], dim: Int = 0) throws(TorchError) -> [Tensor] {
    var handles = [ctorch_tensor?](repeating: nil, count: lengths.count)
    try perform("split") { error in
      withSizes(lengths) { ctorch_split(handle, $0, $1, Int64(dim), &handles, &error) }
    }
    return handles.compactMap { $0.map { Tensor(owning: $0) } }
  }

  /// Concatenates tensors along an existing dimension.
  ///
  /// - Throws: `TorchError` when another dimension differs in length, or there are no tensors.
  public static func concatenate(_ tensors: [Tensor], dim: Int = 0) throws(TorchError) -> Tensor {
    try produce("concatenate") { out, error in
      withHandles(tensors) { ctorch_cat($0, $1, Int64(dim), &out, &error) }
    }
  }

  /// Concatenates tensors of one shape along a new dimension.
  ///
  /// - Throws: `TorchError` when the shapes differ, or there are no tensors.
  public static func stack(_ tensors: [Tensor], dim: Int = 0) throws(TorchError) -> Tensor {
    try produce("stack") { out, error in
      withHandles(tensors) { ctorch_stack($0, $1, Int64(dim), &out, &error) }
    }
  }
}
