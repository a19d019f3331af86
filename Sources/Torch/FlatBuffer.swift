/// One contiguous buffer with a slice for each parameter, in declaration order.
///
/// Parameters, their gradients and the optimizer's moments each live in such a buffer: clipping, the optimizer and
/// communication then work on one tensor instead of hundreds. Slices start at multiples of 64 bytes; the gaps stay 0.
public struct FlatBuffer {
  /// The whole buffer, `[capacity]`.
  public let storage: Tensor
  /// A view for each parameter, with its shape.
  public let views: [Tensor]

  /// A buffer of zeros with slices of these shapes, which are those of existing tensors.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(shapes: [[Int]], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) {
    let alignment = 64 / dtype.byteCount
    var offsets: [Int] = []
    var end = 0
    for shape in shapes {
      offsets.append(end)
      end += (shape.reduce(1, *) + alignment - 1) / alignment * alignment
    }
    storage = try .zeros([end], dtype: dtype, device: device)
    var views: [Tensor] = []
    for (shape, offset) in zip(shapes, offsets) {
      // Detached, so that each is a leaf of its own when it becomes a variable.
      views.append(try storage.narrow(0, offset, shape.reduce(1, *)).view(shape).detached())
    }
    self.views = views
  }

  /// A buffer of zeros with the same slices as the parameters.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(like parameters: [NamedParameter], dtype: DType = .float32) throws(TorchError) {
    try self.init(
      shapes: parameters.map(\.parameter.shape), dtype: dtype, device: parameters.first?.parameter.value.device ?? .cpu)
  }

  /// Moves parameters into one buffer: their values are copied and from then on are views of it.
  ///
  /// Whoever marked the old values as variables marks the new ones again.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(moving parameters: [NamedParameter]) throws(TorchError) {
    try self.init(like: parameters, dtype: parameters.first?.parameter.value.dtype ?? .float32)
    for (view, (_, parameter)) in zip(views, parameters) {
      try view.copyInPlace(parameter.value.detached())
      parameter.value = view
    }
  }

  /// Gives parameters whose values do not matter yet a common buffer of zeros.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(replacing parameters: [NamedParameter]) throws(TorchError) {
    try self.init(like: parameters, dtype: parameters.first?.parameter.value.dtype ?? .float32)
    for (view, (_, parameter)) in zip(views, parameters) { parameter.value = view }
  }
}
