import CKernels
import CTorch

/// The product of two matrices as the fused operators make it where it is large, whatever its size: of float32 on the CPU, with
/// seven multiplications of halves for eight (Strassen, 1969). Its rounding errors are about twice those of a plain product.
package enum LargeProduct {
  /// Vector instructions that its loops are compiled for.
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
  ///   - a: `[m, k]`; its rows or its columns each lie in one piece
  ///   - b: `[k, n]`; likewise
  ///   - out: `[m, n]`; its rows each lie in one piece, apart from the factors
  /// - Throws: `TorchError` where they do not fit, or the processor lacks the instructions.
  package static func multiply(
    _ a: Tensor, _ b: Tensor, into out: Tensor, adds: Bool, with set: InstructionSet
  ) throws(TorchError) {
    try withExtendedLifetime((a, b, out)) { () throws(TorchError) in
      try checked("LargeProduct.multiply") {
        ckernels_large_product(a.handle, b.handle, out.handle, adds, set.code, &$0)
      }
    }
  }
}
