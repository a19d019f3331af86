import Checkpoints
import DPO
import MiniMind
import OrderedCollections
import Preferences
import Torch

/// The frozen model that the policy is compared with, and what is remembered of it.
public final class ReferenceModel {
  private let model: CausalLM
  /// Whether the log-probabilities of a pair are computed only once.
  let keepsResults: Bool
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
    guard keepsResults else { return try compute(batch) }
    return try Tensor(keptLogProbabilities(batch, of: indices)).to(device: batch.targetCounts.device)
  }

  /// log π_ref by forward passes, whatever is kept. Nothing waits for the device.
  func compute(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    try withoutGrad { () throws(TorchError) in try model.sequenceLogProbabilities(batch) }
  }

  /// The same in host memory. What is not known of these pairs is computed now, and kept.
  ///
  /// - Returns: as many numbers as the batch has room for sides; zeros for padding
  func keptLogProbabilities(_ batch: DeviceBatch, of indices: [Int]) throws(TorchError) -> [Double] {
    let room = batch.pairCapacity
    if !indices.allSatisfy(knows) {
      let values = try compute(batch).array(Double.self)
      // What is known already, other ranks know as well: it stays.
      for (place, index) in indices.enumerated() where kept[index] == nil {
        kept[index] = (values[place], values[room + place])
      }
    }
    let sides = indices.compactMap { kept[$0] }
    let padding = [Double](repeating: 0, count: room - sides.count)
    return sides.map(\.chosen) + padding + sides.map(\.rejected) + padding
  }

  /// Whether a pair's log-probabilities are kept already.
  func knows(_ index: Int) -> Bool { kept[index] != nil }

  /// Gives all ranks what each has computed of these pairs, which none knew before; called by all with the same ones.
  ///
  /// - Returns: whether all of the pairs are known now
  func share(_ indices: [Int], among ranks: Ranks?) throws(TorchError) -> Bool {
    guard let ranks, !indices.isEmpty else { return indices.allSatisfy(knows) }
    // Each pair was computed by one rank, or, where that one is to stop, by none; the others add zeros.
    let own = indices.flatMap { index -> [Double] in
      guard let known = kept[index] else { return [0, 0, 0] }
      return [1, known.chosen, known.rejected]
    }
    let all = try ranks.control.sum(own)
    for (place, index) in indices.enumerated() where all[3 * place] > 0 {
      kept[index] = (all[3 * place + 1], all[3 * place + 2])
    }
    return indices.allSatisfy(knows)
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

  /// What is kept: `pairs`, `[n]`, and `log_probabilities`, `[n, 2]`, chosen sides first; in the order of the pairs, so that
  /// the file does not tell how the work was divided.
  func keptResults() throws(TorchError) -> OrderedDictionary<String, Tensor> {
    let sorted = kept.sorted { $0.key < $1.key }
    return [
      Self.indicesName: try Tensor(sorted.map(\.key)),
      Self.resultsName: try Tensor(sorted.flatMap { [$0.value.chosen, $0.value.rejected] }, shape: [sorted.count, 2]),
    ]
  }

  /// Takes what an earlier process kept of the same model, read by the first rank; called by all.
  ///
  /// - Parameter file: nil on all ranks but the first, and where nothing was kept
  func restore(_ file: SafetensorsFile?, ranks: Ranks?) throws {
    guard keepsResults else { return }
    var numbers: [Double] = []
    if let file {
      let indices = try file.tensor(Self.indicesName).array(Int.self)
      let results = try file.tensor(Self.resultsName).array(Double.self)
      for (place, index) in indices.enumerated() {
        numbers += [Double(index), results[2 * place], results[2 * place + 1]]
      }
    }
    numbers = try ranks.broadcast(numbers)
    for place in stride(from: 0, to: numbers.count, by: 3) {
      kept[Int(numbers[place])] = (numbers[place + 1], numbers[place + 2])
    }
  }
}
