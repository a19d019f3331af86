import Files
import Torch

extension StoredTensor {
  /// The most bytes that a view which repeats its storage (a stride of zero, overlapping windows) may take once its elements
  /// are written out, so that a hostile file cannot turn a few bytes into gigabytes.
  static let largestRepeatingView = 64 << 20

  /// The number of bytes of a tensor of this shape without gaps, or nil if a length is negative or the product of
  /// the nonzero lengths exceeds 63 bits.
  static func byteCount(of shape: [Int], _ dtype: DType) -> Int? {
    var product = dtype.byteCount
    for length in shape where length != 0 {
      guard length > 0 else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: length)
      guard !overflow else { return nil }
      product = next
    }
    return shape.contains(0) ? 0 : product
  }

  /// The strides, in elements, of a tensor in row-major order without gaps.
  static func contiguousStrides(of shape: [Int]) -> [Int] {
    var strides = shape
    var stride = 1
    for dimension in shape.indices.reversed() {
      strides[dimension] = stride
      stride *= max(1, shape[dimension])
    }
    return strides
  }

  /// A view on a storage, as torch describes it, checked against the storage's size.
  /// - Parameters:
  ///   - offset: the index of the first element in the storage
  ///   - elements: how many elements the storage holds
  /// - Throws: `FileError` naming what lies outside.
  init(
    _ dtype: DType, shape: [Int], strides: [Int], offset: Int, on storage: Storage, elements: Int
  ) throws {
    func refuse(_ problem: String) -> FileError {
      .damaged(
        storage.name, "a tensor of shape \(shape), strides \(strides) and offset \(offset) \(problem)")
    }
    guard shape.count == strides.count else { throw refuse("has a different number of strides than dimensions") }
    guard let byteCount = Self.byteCount(of: shape, dtype) else { throw refuse("is larger than any memory") }
    guard offset >= 0, strides.allSatisfy({ $0 >= 0 }) else { throw refuse("has a negative offset or stride") }
    guard byteCount > 0 else {
      self.init(dtype, shape, on: storage)
      return
    }
    var last = offset  // the element furthest into the storage
    for (length, stride) in zip(shape, strides) {
      let (step, overflow) = stride.multipliedReportingOverflow(by: length - 1)
      let (next, overflow2) = last.addingReportingOverflow(step)
      guard !overflow, !overflow2 else { throw refuse("reaches beyond any memory") }
      last = next
    }
    guard last < elements else { throw refuse("reaches beyond its storage of \(elements) elements") }
    guard byteCount <= elements * dtype.byteCount || byteCount <= Self.largestRepeatingView else {
      throw refuse("repeats a storage of \(elements) elements to \(byteCount) bytes, which is refused")
    }
    self.init(
      dtype: dtype, shape: shape, strides: strides, storage: storage, byteOffset: offset * dtype.byteCount)
  }

  /// A view of one element along the first dimension, without that dimension.
  public func element(_ index: Int) -> StoredTensor {
    precondition(
      shape.first.map { (0..<$0).contains(index) } ?? false, "a tensor of shape \(shape) has no element \(index)")
    return StoredTensor(
      dtype: dtype, shape: Array(shape.dropFirst()), strides: Array(strides.dropFirst()), storage: storage,
      byteOffset: byteOffset + index * strides[0] * dtype.byteCount)
  }

  /// A view of a range along the first dimension.
  public func rows(_ range: Range<Int>) -> StoredTensor {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= shape.first ?? 0, "a tensor of shape \(shape) has no rows \(range)")
    return StoredTensor(
      dtype: dtype, shape: [range.count] + shape.dropFirst(), strides: strides, storage: storage,
      byteOffset: byteOffset + range.lowerBound * strides[0] * dtype.byteCount)
  }

  /// The elements of a view in row-major order without gaps.
  func gathered(from source: UnsafeRawBufferPointer) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { target, written in
      let size = dtype.byteCount
      var index = [Int](repeating: 0, count: shape.count)
      var place = byteOffset
      var output = UnsafeMutableRawBufferPointer(target)
      while output.count > 0 {
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[place..<place + size]))
        output = UnsafeMutableRawBufferPointer(rebasing: output[size...])
        // One step along the last dimension; at its end, back to its start and one step along the previous dimension.
        for dimension in shape.indices.reversed() {
          index[dimension] += 1
          place += strides[dimension] * size
          if index[dimension] < shape[dimension] { break }
          place -= index[dimension] * strides[dimension] * size
          index[dimension] = 0
        }
      }
      written = byteCount
    }
  }
}
