import Checkpoints
import DPO
import MiniMind
import OrderedCollections
import Preferences
import Torch

/// The frozen model that the policy is compared with. Log-probabilities of pairs are computed along with the policy's each
/// time, or only once and kept.
public final class ReferenceModel {
  let model: CausalLM
  /// Where results are kept; nil where they are computed along.
  let results: ReferenceResults?
  /// What results are kept under, by the indices of the pairs.
  private let digests: [Int: PairDigest]
  let excessTokenWeight: Double?
  private var knownHash: String?

  /// A reference that computes along.
  ///
  /// - Parameters:
  ///   - model: not changed by the training, unless it follows the policy
  ///   - excessTokenWeight: what tokens after the length of the shorter side count, as in the policy's; nil for 1
  public init(_ model: CausalLM, excessTokenWeight: Double? = nil) {
    (self.model, results, digests, self.excessTokenWeight) = (model, nil, [:], excessTokenWeight)
  }

  /// A reference that computes the log-probabilities of each pair only once.
  ///
  /// - Parameters:
  ///   - model: never changed by the training
  ///   - pairs: those that it will be asked for; their indices tell them apart
  ///   - results: what is known of the model already, of these pairs and others
  ///   - excessTokenWeight: as above
  public init(
    _ model: CausalLM, pairs: [TokenizedPair], results: ReferenceResults = ReferenceResults(),
    excessTokenWeight: Double? = nil
  ) {
    (self.model, self.results, self.excessTokenWeight) = (model, results, excessTokenWeight)
    let found = parallelMap(count: pairs.count) { PairDigest(of: pairs[$0]) }
    digests = Dictionary(zip(pairs.map(\.index), found)) { first, _ in first }
  }

  /// Whether the log-probabilities of a pair are computed only once.
  var keepsResults: Bool { results != nil }

  /// log π_ref of every side of a micro-batch, `[2 · pairs]`, chosen sides first, without gradients.
  ///
  /// - Parameter indices: those of the pairs
  /// - Throws: `TorchError` when LibTorch fails.
  public func logProbabilities(_ batch: DeviceBatch, of indices: [Int]) throws(TorchError) -> Tensor {
    guard keepsResults else { return try compute(batch) }
    return try Tensor(keptLogProbabilities(batch, of: indices)).to(device: batch.targetCounts.device)
  }

  /// log π_ref by forward passes, whatever is kept. Nothing waits for the device.
  func compute(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    try withoutGrad { () throws(TorchError) in
      try model.sequenceLogProbabilities(batch, excessTokenWeight: excessTokenWeight)
    }
  }

  /// The same in host memory. What is not known of these pairs is computed now, and kept.
  ///
  /// - Returns: as many numbers as the batch has room for sides; zeros for padding
  func keptLogProbabilities(_ batch: DeviceBatch, of indices: [Int]) throws(TorchError) -> [Double] {
    let room = batch.pairCapacity
    var sides = indices.map { digest(of: $0).flatMap { results?[$0] } }
    if sides.contains(nil) {
      let values = try compute(batch).array(Double.self)
      // What is known already, other ranks know as well: it stays.
      for (place, index) in indices.enumerated() where sides[place] == nil {
        let found = ReferenceSides(chosen: values[place], rejected: values[room + place])
        sides[place] = found
        if let digest = digest(of: index) { results?.add(found, for: digest) }
      }
    }
    let all = sides.compactMap(\.self)
    let padding = [Double](repeating: 0, count: room - all.count)
    return all.map(\.chosen) + padding + all.map(\.rejected) + padding
  }

  /// What the results of a pair are kept under; nil for a pair that was not announced.
  func digest(of index: Int) -> PairDigest? { digests[index] }

  /// The hash of the model's weights as they were at the start, computed once.
  func contentHash() throws(TorchError) -> String {
    if let knownHash { return knownHash }
    let hash = try model.contentHash()
    knownHash = hash
    return hash
  }
}

/// A reference that follows the policy. It computes along: what is kept would be out of date.
extension ReferenceModel {
  /// Moves the weights towards those of a policy: α · policy + (1 − α) · reference.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  func follow(_ policy: CausalLM, mixing alpha: Double) throws(TorchError) {
    _ = try contentHash()
    try withoutGrad { () throws(TorchError) in
      try model.weights.storage.multiplyInPlace(1 - alpha)
      try model.weights.storage.addInPlace(alpha * policy.weights.storage.detached())
    }
    try model.updateCopies()
  }

  /// The weights as they are now, by the names of the parameters.
  func weights() -> OrderedDictionary<String, Tensor> {
    OrderedDictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.parameter.value) })
  }

  /// Takes the weights that an earlier process had, read by one rank; called by all.
  ///
  /// - Parameter file: nil on all ranks but the reader
  func restoreWeights(_ file: SafetensorsFile?, reader: Int, ranks: Ranks?) throws {
    if let file {
      try withoutGrad {
        for (name, parameter) in model.namedParameters { try parameter.value.copyInPlace(file.tensor(name)) }
      }
    }
    try ranks?.gradients.broadcast(model.weights.storage, from: reader)
    try model.updateCopies()
  }
}
