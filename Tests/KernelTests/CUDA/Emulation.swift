import Foundation
import KernelEmulation
import Testing
import Torch

/// How a kernel runs: the size of the device, the order of threads, and the offset of its memory from 16-byte alignment.
struct Setting: Sendable {
  let machine: EmulatedMachine
  let offset: Int

  /// All orders, aligned and unaligned memory, one and several blocks for kernels that divide rows.
  static let all = [(1, emulated_ascending, 0), (3, emulated_descending, 0), (2, emulated_shuffled, 1)].map {
    Setting(machine: EmulatedMachine(multiprocessors: $0, order: $1), offset: $2)
  }
}

/// Memory that a kernel reads or writes, with guards on both sides.
///
/// Unwritten memory has all bits set, which is a NaN that arithmetic never produces. It stays to the end of the tests: a
/// kernel is given its address, and Swift may end an object's life after the last mention of its name.
final class Memory {
  let shape: [Int]
  let dtype: DType
  private let allocation: UnsafeMutableRawBufferPointer
  private let start: Int

  private static let guardSize = 128

  /// Unwritten memory.
  init(_ shape: [Int], _ dtype: DType = .float32, offset: Int) {
    self.shape = shape
    self.dtype = dtype
    start = Self.guardSize + offset * dtype.byteCount
    let size = shape.reduce(1, *) * dtype.byteCount
    allocation = .allocate(byteCount: start + size + Self.guardSize, alignment: 64)
    allocation.initializeMemory(as: UInt8.self, repeating: 0xff)
  }

  /// A copy of a tensor.
  convenience init(_ tensor: Tensor, offset: Int) throws {
    self.init(tensor.shape, tensor.dtype, offset: offset)
    let payload = UnsafeMutableRawBufferPointer(rebasing: allocation[start..<start + size])
    try tensor.detached().withUnsafeBytes { payload.copyMemory(from: $0) }
  }

  private var size: Int { shape.reduce(1, *) * dtype.byteCount }

  var raw: UnsafeMutableRawPointer { allocation.baseAddress! + start }
  var floats: UnsafeMutablePointer<Float> { raw.assumingMemoryBound(to: Float.self) }
  var doubles: UnsafeMutablePointer<Double> { raw.assumingMemoryBound(to: Double.self) }
  var integers: UnsafeMutablePointer<CLongLong> { raw.assumingMemoryBound(to: CLongLong.self) }

  /// Whether the guards are unchanged.
  var isGuarded: Bool {
    (0..<start).allSatisfy { allocation[$0] == 0xff }
      && (start + size..<allocation.count).allSatisfy { allocation[$0] == 0xff }
  }

  /// The written elements; fails if one is unwritten or a guard has changed.
  func written(_ location: SourceLocation = #_sourceLocation) throws -> Tensor {
    #expect(isGuarded, "memory outside of \(shape) was written", sourceLocation: location)
    let width = dtype.byteCount
    let unwritten = (0..<size / width).filter { element in
      (0..<width).allSatisfy { allocation[start + element * width + $0] == 0xff }
    }
    #expect(unwritten.isEmpty, "elements \(unwritten.prefix(5)) of \(shape) were not written", sourceLocation: location)
    return try tensor()
  }

  func tensor() throws -> Tensor {
    try Tensor(bytes: UnsafeRawBufferPointer(rebasing: allocation[start..<start + size]), shape: shape, dtype: dtype)
  }

  var bytes: [UInt8] { Array(allocation[start..<start + size]) }
}

/// Records the error of a kernel as a failure of the test.
func expectDone(_ failure: UnsafeMutablePointer<CChar>?, _ location: SourceLocation = #_sourceLocation) {
  guard let failure else { return }
  Issue.record("\(String(cString: failure))", sourceLocation: location)
  free(failure)
}

extension DType {
  var emulated: EmulatedElement {
    switch self {
    case .bfloat16: emulated_bf16
    case .float16: emulated_f16
    default: emulated_f32
    }
  }

  /// The largest error of a result, relative to its largest element: float32 arithmetic and one rounding at the end, by half
  /// a unit in the last place.
  var tolerance: Double {
    switch self {
    case .bfloat16: 1.0 / 256 + 2e-5
    case .float16: 1.0 / 2048 + 2e-5
    default: 2e-5
    }
  }
}

let elementTypes: [DType] = [.float32, .bfloat16, .float16]

/// Normally distributed numbers of a seed, in a type.
func numbers(_ shape: [Int], seed: UInt64, _ dtype: DType = .float32) throws -> Tensor {
  let tensor = try Tensor.empty(shape)
  try tensor.fillNormal(from: Generator(seed: seed))
  return try tensor.to(dtype)
}

/// The same numbers in float64, as a leaf that requires gradients.
func exact(_ tensor: Tensor) throws -> Tensor {
  let wide = try tensor.detached().to(.float64).clone()
  try wide.setRequiresGrad(true)
  return wide
}

/// Checks a result against the truth, up to the rounding of its type.
func expectClose(
  _ found: Tensor, _ expected: Tensor, _ comment: Comment? = nil, _ location: SourceLocation = #_sourceLocation
) throws {
  let off = try difference(found.to(.float64), expected.detached().to(.float64))
  #expect(off <= found.dtype.tolerance, comment, sourceLocation: location)
}
