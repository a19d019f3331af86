import Torch

/// A tensor with values that are NaN or infinite: its name, how many there are, and how many elements it has.
public typealias NotFiniteTensor = (name: String, notFinite: Int, count: Int)

extension CausalLM {
  /// The weights, and those of an adapter, that are NaN or infinite somewhere; none of a model that is sound.
  ///
  /// A NaN or an infinity anywhere makes the sum of all weights NaN or infinite, and a sum is one fast pass. Only then are
  /// the tensors examined one by one; a sum of finite weights that overflows leads there too, and nothing is found.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func tensorsNotFinite() throws(TorchError) -> [NotFiniteTensor] {
    try withoutGrad { () throws(TorchError) in
      var found: [NotFiniteTensor] = []
      if try !weights.storage.sum().item().isFinite {
        found += try namedParameters.map { ($0.name, $0.parameter.value) }.notFinite()
      }
      if let adapter, try !adapter.weights.storage.sum().item().isFinite {
        found += try adapter.namedParameters.map { ($0.name, $0.parameter.value) }.notFinite()
      }
      return found
    }
  }
}

extension Sequence where Element == (String, Tensor) {
  /// Those that are NaN or infinite somewhere.
  fileprivate func notFinite() throws(TorchError) -> [NotFiniteTensor] {
    var found: [NotFiniteTensor] = []
    for (name, tensor) in self {
      let count = try tensor.notFiniteCount()
      if count > 0 { found.append((name, count, tensor.count)) }
    }
    return found
  }
}

extension Tensor {
  /// How many of its values are NaN or infinite.
  func notFiniteCount() throws(TorchError) -> Int {
    try withoutGrad { () throws(TorchError) in try count - detached().isFinite().sum().intItem() }
  }
}

extension CausalLM {
  /// Makes sure that what is about to be saved can be read again: the weights, or the adapter alone.
  ///
  /// - Parameters:
  ///   - destination: where it is to be saved, for the message
  ///   - dtype: the type of the numbers there
  ///   - adapterOnly: whether only the adapter is saved
  /// - Throws: `WeightsCannotBeSaved` where some are NaN or infinite in that type; `TorchError`.
  public func requireSavable(to destination: String, dtype: DType, adapterOnly: Bool = false) throws {
    let tensors =
      if adapterOnly, let adapter { try adapter.tensors(dtype: dtype) } else { try self.tensors(dtype: dtype) }
    let found = try tensors.elements.map { ($0.key, $0.value) }.notFinite()
    guard found.isEmpty else {
      throw WeightsCannotBeSaved(destination: destination, dtype: dtype, tensors: found)
    }
  }
}
