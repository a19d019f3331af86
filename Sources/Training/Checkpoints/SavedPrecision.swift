import MiniMind
import Torch

extension CausalLM {
  /// What a file of lower precision loses of a training: at small learning rates many changes are below its resolution.
  ///
  /// - Parameters:
  ///   - start: the same model before training
  ///   - dtype: the type of the weights in the file
  /// - Returns: how many weights training changed, and how many of them are the same as before in the file
  /// - Throws: `TorchError` when LibTorch fails.
  public func changesLost(from start: CausalLM, savedAs dtype: DType) throws(TorchError) -> (changed: Int, lost: Int) {
    try withoutGrad { () throws(TorchError) in
      let (now, before) = (weights.storage, start.weights.storage)
      let changed = try now.notEqual(before)
      let same = try now.to(dtype).equal(before.to(dtype))
      return try (changed.sum().intItem(), changed.logicalAnd(same).sum().intItem())
    }
  }

  /// A model with the same weights in memory of its own, on the same device and with the same type of products.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func copy() throws(TorchError) -> CausalLM {
    let copy = try CausalLM(configuration)
    try withoutGrad { () throws(TorchError) in try copy.weights.storage.copyInPlace(weights.storage) }
    try copy.place(on: device, multiplyingIn: productType)
    return copy
  }
}
