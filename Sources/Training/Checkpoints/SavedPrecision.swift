import MiniMind
import Torch

/// How many weights training has changed, and how many of these changes types of lower precision do not show.
public struct WeightChanges: Sendable, Hashable {
  /// All weights.
  public let weights: Int
  /// Those that are not as they were.
  public let changed: Int
  /// By type, those of them that are as they were in that type.
  public let lost: [Lost]

  /// What one type does not show.
  public struct Lost: Sendable, Hashable {
    /// The type.
    public let dtype: DType
    /// How many changes it does not show.
    public let count: Int
  }

  /// The part of all weights that was changed, 0…1.
  public var share: Double { Double(changed) / Double(max(1, weights)) }

  /// The part of the changes that so many are, 0…1.
  public func share(lost count: Int) -> Double { Double(count) / Double(max(1, changed)) }
}

extension CausalLM {
  /// What training has changed so far, and what of it types of lower precision lose.
  ///
  /// - Parameters:
  ///   - start: the same model before training, on the same device
  ///   - dtypes: the types to look at
  /// - Throws: `TorchError` when LibTorch fails.
  public func changes(since start: CausalLM, in dtypes: [DType]) throws(TorchError) -> WeightChanges {
    var changed: Int?
    var lost: [WeightChanges.Lost] = []
    for dtype in dtypes {
      let found = try changesLost(from: start, savedAs: dtype)
      changed = found.changed
      lost.append(WeightChanges.Lost(dtype: dtype, count: found.lost))
    }
    if changed == nil {
      changed = try withoutGrad { () throws(TorchError) in
        try weights.storage.notEqual(start.weights.storage).sum().intItem()
      }
    }
    return WeightChanges(weights: weights.storage.count, changed: changed ?? 0, lost: lost)
  }

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
