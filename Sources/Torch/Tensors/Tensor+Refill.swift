import CKernels
import CTorch

extension Tensor {
  /// Overwrites all elements, in the order of the device's current stream. On a CUDA device this is a copy from pinned memory
  /// for which the host does not wait. The tensor keeps its memory, as a captured graph requires of its inputs.
  ///
  /// - Throws: `TorchError` when the tensor is not contiguous, or has another type or number of elements.
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
