import CTorch

/// A reference to an n-dimensional array of LibTorch.
///
/// A tensor owns one handle, which is released with the last Swift reference. It is not `Sendable`: LibTorch keeps gradient
/// mode and the current device per thread, so a computation stays on one thread.
///
/// ```swift
/// let x = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
/// let y = try x.matmul(x).sum().item()  // 54.0
/// ```
public final class Tensor {
  let handle: ctorch_tensor

  init(owning handle: ctorch_tensor) {
    self.handle = handle
  }

  deinit {
    ctorch_tensor_free(handle)
  }

  /// The length of each dimension.
  public var shape: [Int] {
    withExtendedLifetime(self) {
      let rank = Int(ctorch_dim(handle))
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        buffer.withMemoryRebound(to: Int64.self) { ctorch_sizes(handle, $0.baseAddress) }
        count = rank
      }
    }
  }

  /// The distance between consecutive elements along each dimension, in elements.
  public var strides: [Int] {
    withExtendedLifetime(self) {
      let rank = Int(ctorch_dim(handle))
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        buffer.withMemoryRebound(to: Int64.self) { ctorch_strides(handle, $0.baseAddress) }
        count = rank
      }
    }
  }

  /// The number of dimensions.
  public var rank: Int { withExtendedLifetime(self) { Int(ctorch_dim(handle)) } }

  /// The number of elements.
  public var count: Int { withExtendedLifetime(self) { Int(ctorch_numel(handle)) } }

  /// The element type. Types that `DType` lacks (complex, quantized) do not occur in this library.
  public var dtype: DType { withExtendedLifetime(self) { DType.named(by: ctorch_dtype_of(handle)) ?? .uint8 } }

  /// Where the elements are.
  public var device: Device {
    withExtendedLifetime(self) {
      let device = ctorch_device_of(handle)
      return device.type == CTORCH_CUDA ? .cuda(Int(device.index)) : .cpu
    }
  }

  /// Whether the elements are in row-major order without gaps.
  public var isContiguous: Bool { withExtendedLifetime(self) { ctorch_is_contiguous(handle) } }

  /// The length of one dimension; negative ones count from the end.
  ///
  /// - Throws: `TorchError` when there is no such dimension.
  public func size(_ dim: Int) throws(TorchError) -> Int {
    let shape = self.shape
    let index = dim < 0 ? dim + shape.count : dim
    guard shape.indices.contains(index) else {
      throw TorchError(
        kind: .failed, operatorName: "size", reason: "a tensor of shape \(shape) has no dimension \(dim)")
    }
    return shape[index]
  }
}

extension Tensor: CustomStringConvertible {
  /// Shape, type and device, as `[2, 3] float32 cpu`.
  public var description: String { "\(shape) \(dtype.rawValue) \(device)" }
}

extension Tensor {
  /// Calls a function of the C ABI on this tensor, which stays alive during the call, and turns its status into an error.
  func perform(
    _ operatorName: String, _ call: (inout UnsafeMutablePointer<CChar>?) -> ctorch_status
  ) throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in try checked(operatorName, call) }
  }

  /// Calls a function of the C ABI that creates a tensor from this one, which stays alive during the call.
  func derive(
    _ operatorName: String,
    _ call: (inout ctorch_tensor?, inout UnsafeMutablePointer<CChar>?) -> ctorch_status
  ) throws(TorchError) -> Tensor {
    try withExtendedLifetime(self) { () throws(TorchError) in try produce(operatorName, call) }
  }
}

/// Passes the shape to a C function as 64-bit sizes.
func withSizes<Result>(_ sizes: [Int], _ body: (UnsafePointer<Int64>?, Int) -> Result) -> Result {
  sizes.withUnsafeBufferPointer { buffer in
    buffer.withMemoryRebound(to: Int64.self) { body($0.baseAddress, $0.count) }
  }
}

/// Passes the handles of several tensors to a C function and keeps the tensors alive during the call.
func withHandles<Result, Failure: Error>(
  _ tensors: [Tensor], _ body: (UnsafePointer<ctorch_tensor?>?, Int) throws(Failure) -> Result
) throws(Failure) -> Result {
  try withExtendedLifetime(tensors) { () throws(Failure) in
    try tensors.map { Optional($0.handle) }.withUnsafeBufferPointer { buffer throws(Failure) in
      try body(buffer.baseAddress, buffer.count)
    }
  }
}
