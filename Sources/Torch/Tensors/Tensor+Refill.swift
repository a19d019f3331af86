import CKernels
import CTorch

extension Tensor {
  /// Writes all elements anew, in the order of the device's current stream: on a CUDA device by a copy from pinned memory
  /// that nobody waits for. The tensor stays where it is, as a captured graph wants its inputs.
  ///
  /// - Throws: `TorchError` when the tensor has gaps, another type or another number of elements.
  public func refill<Element: TensorElement>(_ elements: [Element]) throws(TorchError) {
    guard dtype == Element.dtype else {
      throw TorchError(
        kind: .failed, operatorName: "refill",
        reason: "the tensor holds \(dtype.rawValue), the elements are \(Element.dtype.rawValue)")
    }
    let outcome = elements.withUnsafeBytes { bytes in
      Result { () throws(TorchError) in
        try perform("refill") { ckernels_refill(handle, bytes.baseAddress, bytes.count, &$0) }
      }
    }
    try outcome.get()
  }
}
