import CTorch

extension Tensor {
  /// A tensor with unspecified elements.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when memory runs out.
  public static func empty(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("empty") { out, error in
      withSizes(shape) { ctorch_empty($0, $1, dtype.code, device.code, &out, &error) }
    }
  }

  /// A tensor whose elements all have one value.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when memory runs out.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("full") { out, error in
      withSizes(shape) { ctorch_full($0, $1, value, dtype.code, device.code, &out, &error) }
    }
  }

  /// A tensor of zeros.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when memory runs out.
  public static func zeros(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 0, dtype: dtype, device: device)
  }

  /// A tensor of ones.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when memory runs out.
  public static func ones(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 1, dtype: dtype, device: device)
  }

  /// The integers of a range, `[range.count]`.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when memory runs out.
  public static func arange(
    _ range: Range<Int>, dtype: DType = .int64, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("arange") { out, error in
      ctorch_arange(Int64(range.lowerBound), Int64(range.upperBound), dtype.code, device.code, &out, &error)
    }
  }

  /// A CPU tensor with a copy of an array's elements, in row-major order.
  ///
  /// - Throws: `TorchError` when the shape has another number of elements.
  public convenience init<Element: TensorElement>(
    _ elements: [Element], shape: [Int]? = nil
  ) throws(TorchError) {
    let made = elements.withUnsafeBytes { bytes in
      Result { () throws(TorchError) in
        try copy(bytes, shape: shape ?? [elements.count], dtype: Element.dtype)
      }
    }
    self.init(owning: try made.get())
  }

  /// A CPU tensor with a copy of bytes that hold elements of `dtype`, in row-major order and the machine's byte order.
  ///
  /// - Throws: `TorchError` when the shape takes another number of bytes.
  public convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws(TorchError) {
    self.init(owning: try copy(bytes, shape: shape, dtype: dtype))
  }

  /// A tensor over memory that `owner` keeps alive. Nothing is copied, and no other code may write to the memory.
  ///
  /// The owner is released with the last tensor that shares the memory.
  ///
  /// - Parameter pointer: the first element, aligned for `dtype`; the caller has checked that the shape fits.
  /// - Throws: `TorchError` when LibTorch refuses the shape.
  public convenience init(
    mapping pointer: UnsafeMutableRawPointer, shape: [Int], dtype: DType, keepingAlive owner: AnyObject
  ) throws(TorchError) {
    let context = Unmanaged.passRetained(owner).toOpaque()
    self.init(
      owning: try newHandle("Tensor(mapping:)") { out, error in
        withSizes(shape) {
          ctorch_from_memory(
            pointer, $0, $1, dtype.code, context,
            { context in context.map { Unmanaged<AnyObject>.fromOpaque($0).release() } }, &out, &error)
        }
      })
  }

  /// The elements as an array, in row-major order, from any device.
  ///
  /// - Throws: `TorchError` when the tensor's type is not `Element`'s.
  public func array<Element: TensorElement>(_ type: Element.Type = Element.self) throws(TorchError) -> [Element] {
    guard dtype == Element.dtype else {
      let wanted = Element.dtype.rawValue
      throw TorchError(
        kind: .failed, operatorName: "array",
        reason: "the tensor holds \(dtype.rawValue), not \(wanted): convert it with to(.\(wanted))")
    }
    return try withUnsafeBytes { bytes in
      let count = bytes.count / MemoryLayout<Element>.stride
      return [Element](unsafeUninitializedCapacity: count) { elements, initialized in
        // Bytes, because the memory of a mapped file need not be aligned for its elements.
        UnsafeMutableRawBufferPointer(elements).copyMemory(from: bytes)
        initialized = count
      }
    }
  }

  /// Passes the bytes of the elements, in row-major order, to the body; a tensor on a GPU or with gaps is copied first.
  ///
  /// - Throws: `TorchError` when the copy fails.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) throws(TorchError) -> Result {
    let source = try device == .cpu ? contiguous() : to(device: .cpu).contiguous()
    return try withExtendedLifetime(source) { () throws(TorchError) in
      var pointer: UnsafeMutableRawPointer?
      try checked("withUnsafeBytes") { ctorch_data(source.handle, &pointer, &$0) }
      return body(UnsafeRawBufferPointer(start: pointer, count: source.count * source.dtype.byteCount))
    }
  }

  /// The only element, as a floating-point number.
  ///
  /// - Throws: `TorchError` when there is more than one element, or none.
  public func item() throws(TorchError) -> Double {
    var value = 0.0
    try perform("item") { ctorch_item_double(handle, &value, &$0) }
    return value
  }

  /// The only element, as an integer; fractions are truncated.
  ///
  /// - Throws: `TorchError` when there is more than one element, or none, or `Int` cannot represent it.
  public func intItem() throws(TorchError) -> Int {
    var value: Int64 = 0
    try perform("intItem") { ctorch_item_int(handle, &value, &$0) }
    return Int(value)
  }
}

private func copy(_ bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws(TorchError) -> ctorch_tensor {
  guard byteCount(of: shape, dtype) == bytes.count else {
    throw TorchError(
      kind: .failed, operatorName: "Tensor",
      reason: "shape \(shape) of \(dtype.rawValue) does not take \(bytes.count) bytes")
  }
  return try newHandle("Tensor") { out, error in
    withSizes(shape) { ctorch_from_bytes(bytes.baseAddress, bytes.count, $0, $1, dtype.code, &out, &error) }
  }
}

/// The number of bytes of a shape; nil for a negative length or if it exceeds `Int`.
private func byteCount(of shape: [Int], _ dtype: DType) -> Int? {
  var total = dtype.byteCount
  for length in shape {
    let (product, overflow) = total.multipliedReportingOverflow(by: length)
    guard length >= 0, !overflow else { return nil }
    total = product
  }
  return total
}
