import Checkpoints
import DPO
import MiniMind
import OrderedCollections
import Preferences
import Torch

/// The frozen model that the policy is compared with, and what is remembered of it.
public final class ReferenceModel {
  private let model: CausalLM
  private let keepsResults: Bool
  private var kept: OrderedDictionary<Int, (chosen: Double, rejected: Double)> = [:]
  private var knownHash: String?

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

  /// The hash of the model's weights, computed once.
  func contentHash() throws(TorchError) -> String {
    if let knownHash { return knownHash }
    let hash = try model.contentHash()
    knownHash = hash
    return hash
  }
}

/// A run that resumes takes what was kept along: computed again in other company, the numbers would differ in their
/// last bits.
extension ReferenceModel {
  private static let indicesName = "pairs"
  private static let resultsName = "log_probabilities"

  /// What is kept: `pairs`, `[n]`, and `log_probabilities`, `[n, 2]`, chosen sides first.
  func keptResults() throws(TorchError) -> OrderedDictionary<String, Tensor> {
    [
      Self.indicesName: try Tensor(Array(kept.keys)),
      Self.resultsName: try Tensor(kept.values.flatMap { [$0.chosen, $0.rejected] }, shape: [kept.count, 2]),
    ]
  }

  /// Takes what an earlier process kept of the same model.
  func restore(_ file: SafetensorsFile) throws {
    guard keepsResults else { return }
    let indices = try file.tensor(Self.indicesName).array(Int.self)
    let results = try file.tensor(Self.resultsName).array(Double.self)
    for (place, index) in indices.enumerated() { kept[index] = (results[2 * place], results[2 * place + 1]) }
  }
}
