import CKernels
import CTorch

/// The matmul that the fused operators use for large float32 matrices on the CPU, here for any size: one level of Strassen's
/// algorithm (1969), seven products of half the size instead of eight. Rounding errors are about twice those of a plain
/// matmul.
package enum StrassenMatmul {
  /// Vector instructions that the loops are compiled for.
  package enum InstructionSet: String, CaseIterable, Sendable {
    case avx2
    case avx512

    fileprivate var code: ckernels_instruction_set {
      switch self {
      case .avx2: CKERNELS_AVX2
      case .avx512: CKERNELS_AVX512
      }
    }
    /// Whether this processor has them.
    package var isThere: Bool { ckernels_processor().rawValue >= code.rawValue }
  }

  /// out = a b, or out += a b.
  ///
  /// - Parameters:
  ///   - a: `[m, k]`; its rows or its columns are each contiguous
  ///   - b: `[k, n]`; its rows or its columns are each contiguous
  ///   - out: `[m, n]`; its rows are each contiguous and do not overlap the factors
  /// - Throws: `TorchError` when shapes do not match or the processor lacks the instructions.
  package static func multiply(
    _ a: Tensor, _ b: Tensor, into out: Tensor, adds: Bool, with set: InstructionSet
  ) throws(TorchError) {
    try withExtendedLifetime((a, b, out)) { () throws(TorchError) in
      try checked("StrassenMatmul.multiply") {
        ckernels_strassen_matmul(a.handle, b.handle, out.handle, adds, set.code, &$0)
      }
    }
  }
}
