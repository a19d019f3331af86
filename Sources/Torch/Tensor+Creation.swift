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
    let shape = shape ?? [elements.count]
    var failure: TorchError?
    var handle: ctorch_tensor?
    elements.withUnsafeBytes { bytes in
      do throws(TorchError) {
        handle = try copy(bytes, shape: shape, dtype: Element.dtype)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    guard let handle else {
      throw TorchError(kind: .failed, operatorName: "Tensor", reason: "no tensor was returned")
    }
    self.init(owning: handle)
  }

  /// A copy of bytes that hold elements of `dtype`, row by row, in the machine's byte order.
  ///
  /// - Throws: `TorchError` when the shape does not take as many bytes.
  public convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws(TorchError) {
    self.init(owning: try copy(bytes, shape: shape, dtype: dtype))
  }

  /// A tensor over memory that `owner` keeps alive; nothing is copied, and the memory must not be written by others.
  ///
  /// - Parameter pointer: the first element, aligned for `dtype`; the caller has checked that the shape fits.
  /// - Throws: `TorchError` when LibTorch refuses the shape.
  public convenience init(
    mapping pointer: UnsafeMutableRawPointer, shape: [Int], dtype: DType, keepingAlive owner: AnyObject
  ) throws(TorchError) {
    let context = Unmanaged.passRetained(owner)
    var handle: ctorch_tensor?
    do throws(TorchError) {
      try checked("Tensor(mapping:)") { error in
        withSizes(shape) {
          ctorch_from_memory(
            pointer, $0, $1, dtype.code, context.toOpaque(),
            { context in context.map { Unmanaged<AnyObject>.fromOpaque($0).release() } }, &handle, &error)
        }
      }
    } catch {
      context.release()
      throw error
    }
    guard let handle else {
      throw TorchError(kind: .failed, operatorName: "Tensor(mapping:)", reason: "no tensor was returned")
    }
    self.init(owning: handle)
  }

  /// The elements as an array, row by row, from whatever device.
  ///
  /// - Throws: `TorchError` when the tensor's type is not `Element`'s.
  public func array<Element: TensorElement>(_ type: Element.Type = Element.self) throws(TorchError) -> [Element] {
    guard dtype == Element.dtype else {
      throw TorchError(
        kind: .failed, operatorName: "array",
        reason:
          "the tensor holds \(dtype.rawValue), not \(Element.dtype.rawValue): convert it with to(.\(Element.dtype.rawValue))"
      )
    }
    return try withUnsafeBytes { Array($0.bindMemory(to: Element.self)) }
  }

  /// Lends the elements' bytes, row by row; a tensor on another device or with gaps is copied first.
  ///
  /// - Throws: `TorchError` when the copy fails.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) throws(TorchError) -> Result {
    let source = try device == .cpu ? self.contiguous() : self.to(device: .cpu).contiguous()
    var pointer: UnsafeMutableRawPointer?
    try checked("withUnsafeBytes") { ctorch_data(source.handle, &pointer, &$0) }
    return withExtendedLifetime(source) {
      body(UnsafeRawBufferPointer(start: pointer, count: source.count * source.dtype.byteCount))
    }
  }

  /// The one element of a tensor, as a number.
  ///
  /// - Throws: `TorchError` when there is more than one element.
  public func item() throws(TorchError) -> Double {
    var value = 0.0
    try checked("item") { ctorch_item_double(handle, &value, &$0) }
    return value
  }

  /// The one element of a tensor, as a whole number.
  ///
  /// - Throws: `TorchError` when there is more than one element.
  public func intItem() throws(TorchError) -> Int {
    var value: Int64 = 0
    try checked("intItem") { ctorch_item_int(handle, &value, &$0) }
    return Int(value)
  }
}

private func copy(_ bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws(TorchError) -> ctorch_tensor {
  let needed = shape.reduce(dtype.byteCount) { $0.multipliedReportingOverflow(by: max($1, 0)).partialValue }
  guard needed == bytes.count, shape.allSatisfy({ $0 >= 0 }) else {
    throw TorchError(
      kind: .failed, operatorName: "Tensor",
      reason: "shape \(shape) of \(dtype.rawValue) does not take \(bytes.count) bytes")
  }
  var handle: ctorch_tensor?
  try checked("Tensor") { error in
    withSizes(shape) { ctorch_empty($0, $1, dtype.code, Device.cpu.code, &handle, &error) }
  }
  var destination: UnsafeMutableRawPointer?
  try checked("Tensor") { ctorch_data(handle, &destination, &$0) }
  guard let handle else {
    throw TorchError(kind: .failed, operatorName: "Tensor", reason: "no tensor was returned")
  }
  if let destination, let source = bytes.baseAddress, !bytes.isEmpty {
    destination.copyMemory(from: source, byteCount: bytes.count)
  }
  return handle
}
