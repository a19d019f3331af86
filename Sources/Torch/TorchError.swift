import CTorch

/// A failed operator and the reason.
public struct TorchError: Error, CustomStringConvertible {
  /// The kind of failure.
  public enum Kind: Sendable {
    /// Arguments that do not match, an operator that the device lacks, and similar errors.
    case failed
    /// Host or device memory ran out.
    case outOfMemory
    /// Another process, the store through which the processes find each other, or the network failed.
    case communication
    /// Another process did not answer in time.
    case timeout
    /// A number that is NaN or infinite, where what follows needs a finite one.
    case notFinite
  }

  /// The kind of failure.
  public let kind: Kind
  /// The name of the failed operator in this module.
  public let operatorName: String
  /// The reason, mostly LibTorch's message.
  public let reason: String

  package init(kind: Kind, operatorName: String, reason: String) {
    self.kind = kind
    self.operatorName = operatorName
    self.reason = reason
  }

  /// The operator and the reason.
  public var description: String { "\(operatorName): \(reason)" }
}

/// Calls a function of the C ABI and turns its status into an error.
///
/// `error` receives a text that the callee allocates and this function frees.
func checked(
  _ operatorName: String, _ call: (inout UnsafeMutablePointer<CChar>?) -> ctorch_status
) throws(TorchError) {
  var text: UnsafeMutablePointer<CChar>?
  let status = call(&text)
  guard status != CTORCH_OK else { return }
  defer { ctorch_free_text(text) }
  throw TorchError(
    kind: TorchError.Kind(status), operatorName: operatorName,
    reason: text.map { String(cString: $0) } ?? "no reason was given")
}

extension TorchError.Kind {
  fileprivate init(_ status: ctorch_status) {
    self =
      switch status {
      case CTORCH_OUT_OF_MEMORY: .outOfMemory
      case CTORCH_COMMUNICATION: .communication
      case CTORCH_TIMEOUT: .timeout
      default: .failed
      }
  }
}

/// Calls a function of the C ABI that creates a handle, which the caller then owns.
func newHandle(
  _ operatorName: String,
  _ call: (inout OpaquePointer?, inout UnsafeMutablePointer<CChar>?) -> ctorch_status
) throws(TorchError) -> OpaquePointer {
  var handle: OpaquePointer?
  try checked(operatorName) { call(&handle, &$0) }
  guard let handle else {
    throw TorchError(kind: .failed, operatorName: operatorName, reason: "nothing was returned")
  }
  return handle
}

/// Calls a function of the C ABI that creates a tensor.
func produce(
  _ operatorName: String,
  _ call: (inout ctorch_tensor?, inout UnsafeMutablePointer<CChar>?) -> ctorch_status
) throws(TorchError) -> Tensor {
  Tensor(owning: try newHandle(operatorName, call))
}
