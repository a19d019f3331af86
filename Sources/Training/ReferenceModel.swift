import DPO
import MiniMind
import Preferences
import Torch

/// The frozen model that the policy is compared with, and what is remembered of it.
public final class ReferenceModel {
  private let model: CausalLM
  private let keepsResults: Bool
  private var kept: [Int: (chosen: Double, rejected: Double)] = [:]

  /// - Parameters:
  ///   - model: never changed by the training
  ///   - keepsResults: whether a pair's log-probabilities are computed once only
  public init(_ model: CausalLM, keepsResults: Bool = false) {
    self.model = model
    self.keepsResults = keepsResults
  }

  /// log π_ref of every side of a micro-batch, `[2 · pairs]`, chosen sides first, without gradients.
  ///
  /// - Parameter indices: what the results are kept under, the same for the same pair at all times
  /// - Throws: `TorchError` when LibTorch fails.
  public func logProbabilities(_ batch: DeviceBatch, of indices: [Int]) throws(TorchError) -> Tensor {
    if keepsResults {
      let known = indices.compactMap { kept[$0] }
      if known.count == indices.count {
        return try Tensor(known.map(\.chosen) + known.map(\.rejected)).to(device: batch.targetCounts.device)
      }
    }
    let result = try withoutGrad { () throws(TorchError) in try model.sequenceLogProbabilities(batch) }
    if keepsResults {
      let values = try result.array(Double.self)
      for (place, index) in indices.enumerated() { kept[index] = (values[place], values[indices.count + place]) }
    }
    return result
  }
}
