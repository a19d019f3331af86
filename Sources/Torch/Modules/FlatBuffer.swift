/// One contiguous buffer with a slice for each parameter, in declaration order.
///
/// Parameters, their gradients and the optimizer's moments each have such a buffer: clipping, the optimizer and
/// communication then work on one tensor instead of hundreds. Slices start at multiples of 64 bytes; the gaps stay 0.
public struct FlatBuffer {
  /// The whole buffer, `[capacity]`.
  public let storage: Tensor
  /// A view for each parameter, with its shape.
  public let views: [Tensor]
  /// The start of each view, in elements.
  let offsets: [Int]

  /// A buffer of zeros with slices of these shapes, which must be shapes of existing tensors.
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
    try self.init(storage: .zeros([end], dtype: dtype, device: device), shapes: shapes, offsets: offsets)
  }

  private init(storage: Tensor, shapes: [[Int]], offsets: [Int]) throws(TorchError) {
    var views: [Tensor] = []
    for (shape, offset) in zip(shapes, offsets) {
      // Detached, so that each view is a leaf when it requires gradients.
      views.append(try storage.narrow(0, offset, shape.reduce(1, *)).view(shape).detached())
    }
    self.storage = storage
    self.views = views
    self.offsets = offsets
  }

  /// A buffer of zeros with the layout of another one.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(like buffer: FlatBuffer) throws(TorchError) {
    try self.init(
      storage: .zeros([buffer.storage.count], dtype: .float32, device: buffer.storage.device),
      shapes: buffer.views.map(\.shape), offsets: buffer.offsets)
  }

  /// A buffer over the memory of a tensor, with the layout of another buffer.
  ///
  /// - Throws: `TorchError` when the tensor is shorter than that buffer.
  public init(viewing storage: Tensor, as buffer: FlatBuffer) throws(TorchError) {
    try self.init(storage: storage, shapes: buffer.views.map(\.shape), offsets: buffer.offsets)
  }

  /// A slice of another buffer as a buffer with a single view.
  ///
  /// - Throws: `TorchError` when the buffer has no such slice.
  public init(slice bounds: Range<Int>, of buffer: FlatBuffer) throws(TorchError) {
    storage = try buffer.storage.narrow(0, bounds.lowerBound, bounds.count)
    views = [storage]
    offsets = [0]
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
  /// If the old values required gradients, the caller sets that for the new ones again.
  ///
  /// - Parameter device: of the buffer; that of the parameters if nil
  /// - Throws: `TorchError` when memory runs out.
  public init(moving parameters: [NamedParameter], to device: Device? = nil) throws(TorchError) {
    let first = parameters.first?.parameter.value
    try self.init(
      shapes: parameters.map(\.parameter.shape), dtype: first?.dtype ?? .float32,
      device: device ?? first?.device ?? .cpu)
    for (view, (_, parameter)) in zip(views, parameters) {
      try view.copyInPlace(parameter.value.detached())
      parameter.value = view
    }
  }

  /// Gives parameters without meaningful values a common buffer of zeros.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(replacing parameters: [NamedParameter]) throws(TorchError) {
    try self.init(like: parameters, dtype: parameters.first?.parameter.value.dtype ?? .float32)
    for (view, (_, parameter)) in zip(views, parameters) { parameter.value = view }
  }
}

extension FlatBuffer {
  /// Divides the buffer into buckets, from its end to its start.
  ///
  /// - Parameters:
  ///   - bytes: a bucket takes parameters until it has this size
  ///   - ranks: the number of equal parts into which every bucket can be divided; the remainder at the end of the buffer is
  ///     a bucket that cannot
  /// - Returns: the buckets, and for each parameter the indices of the buckets that hold it
  func buckets(ofBytes bytes: Int, dividedBy ranks: Int) -> (buckets: [Range<Int>], homes: [ClosedRange<Int>]) {
    // Multiples of 64 bytes per part, the alignment of slices.
    let unit = 64 / storage.dtype.byteCount * ranks
    var cuts = [storage.count]
    let divisible = storage.count / unit * unit
    if divisible > 0, divisible < storage.count { cuts.append(divisible) }
    for offset in offsets.reversed() {
      let cut = offset / unit * unit
      // The remainder of the buffer is a separate bucket, even if it is small.
      if cut > 0, (cuts[cuts.count - 1] - cut) * storage.dtype.byteCount >= bytes { cuts.append(cut) }
    }
    cuts.append(0)
    let buckets = zip(cuts.dropFirst(), cuts).map { $0..<$1 }.filter { !$0.isEmpty }
    let homes = zip(offsets, views).map { offset, view in
      let bounds = offset..<max(offset + 1, offset + view.count)
      let reached = buckets.indices.filter { buckets[$0].overlaps(bounds) }
      return (reached.first ?? 0)...(reached.last ?? 0)
    }
    return (buckets, homes)
  }
}
