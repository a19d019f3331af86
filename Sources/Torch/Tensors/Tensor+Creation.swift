import CTorch

extension Tensor {
  /// Elements of unspecified value.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when there is no room.
  public static func empty(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("empty") { out, error in
      withSizes(shape) { ctorch_empty($0, $1, dtype.code, device.code, &out, &error) }
    }
  }

  /// Every element the same.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when there is no room.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("full") { out, error in
      withSizes(shape) { ctorch_full($0, $1, value, dtype.code, device.code, &out, &error) }
    }
  }

  /// Every element 0.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when there is no room.
  public static func zeros(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 0, dtype: dtype, device: device)
  }

  /// Every element 1.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when there is no room.
  public static func ones(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 1, dtype: dtype, device: device)
  }

  /// The whole numbers of a range, `[range.count]`.
  ///
  /// - Throws: `TorchError`, of kind `outOfMemory` when there is no room.
  public static func arange(
    _ range: Range<Int>, dtype: DType = .int64, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try produce("arange") { out, error in
      ctorch_arange(Int64(range.lowerBound), Int64(range.upperBound), dtype.code, device.code, &out, &error)
    }
  }

  /// A copy of an array's elements on the CPU, row by row.
  ///
  /// - Throws: `TorchError` when the shape does not hold as many elements.
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

  /// A copy of bytes that hold elements of `dtype`, row by row, in the machine's byte order.
  ///
  /// - Throws: `TorchError` when the shape does not take as many bytes.
  public convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws(TorchError) {
    self.init(owning: try copy(bytes, shape: shape, dtype: dtype))
  }

  /// A tensor over memory that `owner` keeps alive; nothing is copied, and the memory must not be written by others.
  ///
  /// The owner is let go with the last tensor that shares the memory.
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

  /// The elements as an array, row by row, from whatever device.
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
        // Bytes, because memory that a file was mapped to need not be aligned for its elements.
        UnsafeMutableRawBufferPointer(elements).copyMemory(from: bytes)
        initialized = count
      }
    }
  }

  /// Lends the elements' bytes, row by row; a tensor on another device or with gaps is copied first.
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

  /// The one element of a tensor, as a number.
  ///
  /// - Throws: `TorchError` when there is more than one element, or none.
  public func item() throws(TorchError) -> Double {
    var value = 0.0
    try perform("item") { ctorch_item_double(handle, &value, &$0) }
    return value
  }

  /// The one element of a tensor, as a whole number; a fraction is cut off.
  ///
  /// - Throws: `TorchError` when there is more than one element, or none, or it is not a number that `Int` can hold.
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

/// The bytes that a shape takes; nil for a negative length or a number beyond `Int`.
private func byteCount(of shape: [Int], _ dtype: DType) -> Int? {
  var total = dtype.byteCount
  for length in shape {
    let (product, overflow) = total.multipliedReportingOverflow(by: length)
    guard length >= 0, !overflow else { return nil }
    total = product
  }
  return total
}
