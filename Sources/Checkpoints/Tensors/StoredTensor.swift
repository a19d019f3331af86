import Files
import Torch

/// A tensor as stored in a file or in memory: dtype, shape, and where its bytes are. Nothing is read or copied until its
/// bytes or its `tensor()` are requested.
///
/// It keeps the file's mapping, or the tensor that it was made from, alive. Like a tensor, it belongs to one thread.
public struct StoredTensor {
  /// The type of an element.
  public let dtype: DType
  /// The length of each dimension; empty for a scalar.
  public let shape: [Int]
  /// The distance between neighbours along each dimension, in elements.
  let strides: [Int]
  let storage: Storage
  /// The position of the first element, in bytes from the start of the storage.
  let byteOffset: Int

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The number of bytes of its elements, without gaps.
  public var byteCount: Int { count * dtype.byteCount }

  /// Whether its elements are in row-major order without gaps, so that they can be used in place.
  public var isContiguous: Bool {
    guard count > 0 else { return true }
    // Along a dimension of length one no step is ever taken, whatever its stride says.
    return zip(shape, zip(strides, Self.contiguousStrides(of: shape))).allSatisfy { $0 == 1 || $1.0 == $1.1 }
  }
}

extension StoredTensor {
  /// The contents of a tensor, ready to be written: its own memory if it is contiguous and on the CPU, otherwise a copy.
  /// The tensor must not be changed before it is written.
  public init(_ tensor: Tensor) throws {
    let contiguous = try tensor.to(device: .cpu).contiguous()
    self.init(contiguous.dtype, contiguous.shape, on: Storage(.tensor(contiguous), name: "a tensor"))
  }

  /// A tensor of these little-endian bytes in row-major order.
  /// - Throws: `FileError` when their number does not match shape and dtype.
  package init(bytes: [UInt8], shape: [Int], dtype: DType) throws {
    guard Self.byteCount(of: shape, dtype) == bytes.count else {
      throw FileError(
        .cannotWrite(.invalidContents), file: "a tensor",
        "\(bytes.count) bytes do not make a tensor of shape \(shape) and dtype \(dtype)")
    }
    self.init(dtype, shape, on: Storage(.bytes(bytes), name: "a tensor"))
  }

  /// A tensor without gaps; the caller has checked that the storage is large enough.
  init(_ dtype: DType, _ shape: [Int], on storage: Storage, byteOffset: Int = 0) {
    self.init(
      dtype: dtype, shape: shape, strides: Self.contiguousStrides(of: shape), storage: storage, byteOffset: byteOffset)
  }

  /// Passes the elements' bytes, little-endian and in row-major order without gaps: in place, or, for a view with gaps or
  /// another order, as a copy.
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try storage.withUnsafeBytes { bytes in
      guard byteCount > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
      guard !isContiguous else {
        return try body(UnsafeRawBufferPointer(rebasing: bytes[byteOffset..<byteOffset + byteCount]))
      }
      return try gathered(from: bytes).withUnsafeBytes(body)
    }
  }

  /// The tensor: on the file's mapping, without a copy, if its elements are contiguous and aligned; otherwise a copy.
  ///
  /// Tensors that shared a storage when they were saved share memory here too, unless they are copied.
  /// - Throws: `FileError` for a boolean that is neither 0 nor 1; what `Tensor` throws.
  public func tensor() throws -> Tensor {
    if case .tensor(let tensor) = storage.memory, byteOffset == 0, tensor.shape == shape, isContiguous {
      return tensor
    }
    if dtype == .bool { try checkBooleans() }
    if case .mapped(let bytes, let owner) = storage.memory, isContiguous, byteCount > 0,
      let start = bytes.baseAddress.map({ $0 + byteOffset }), Int(bitPattern: start) % dtype.byteCount == 0
    {
      return try Tensor(mapping: start, shape: shape, dtype: dtype, keepingAlive: owner)
    }
    return try withUnsafeBytes { try Tensor(bytes: $0, shape: shape, dtype: dtype) }
  }

  private func checkBooleans() throws {
    let valid = try withUnsafeBytes { $0.allSatisfy { $0 <= 1 } }
    guard valid else { throw FileError.damaged(storage.name, "a boolean tensor holds values other than 0 and 1") }
  }
}

extension StoredTensor {
  /// The memory under one or more tensors.
  final class Storage {
    enum Memory {
      case mapped(UnsafeMutableRawBufferPointer, owner: MappedFile)
      case tensor(Tensor)
      case bytes([UInt8])
    }
    let memory: Memory
    /// The file it comes from, for errors.
    let name: String

    init(_ memory: Memory, name: String) {
      self.memory = memory
      self.name = name
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
      switch memory {
      case .mapped(let bytes, let owner): try withExtendedLifetime(owner) { try body(UnsafeRawBufferPointer(bytes)) }
      case .tensor(let tensor): try tensor.withUnsafeBytes { bytes in Result { try body(bytes) } }.get()
      case .bytes(let bytes): try bytes.withUnsafeBytes(body)
      }
    }
  }
}
