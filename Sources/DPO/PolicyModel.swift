import MiniMind
import Preferences
import Torch

/// A micro-batch on the device, ready for any number of models.
public struct DeviceBatch {
  /// The number of pairs.
  public let pairCount: Int
  /// The number of input tokens.
  public let tokenCount: Int
  /// Target tokens of each side, `[2 · pairs]`, `float32`: chosen sides first.
  public let targetCounts: Tensor

  let tokens: Tensor
  let positions: Tensor
  let pattern: PackedTrees
  /// The tokens that predict a target, ascending.
  let predictors: Tensor
  /// For each prediction the place of its token among them.
  let predictions: Tensor
  let targets: Tensor
  let terms: Tensor
  let sides: Tensor

  /// - Throws: `TorchError` when memory runs out.
  public init(_ batch: TreeBatch, device: Device = .cpu) throws(TorchError) {
    func onDevice(_ numbers: [Int]) throws(TorchError) -> Tensor { try Tensor(numbers).to(device: device) }
    pairCount = batch.pairCount
    tokenCount = batch.tokens.count
    targetCounts = try Tensor(batch.targetCounts.map(Float.init)).to(device: device)
    tokens = try onDevice(batch.tokens)
    positions = try onDevice(batch.positions)
    pattern = PackedTrees(
      batch.trees.map { TreeShape(prefix: $0.prefix, chosen: $0.chosen, rejected: $0.rejected) })
    // A prefix's last token predicts the first one of both tails, and runs once.
    let predicting = Set(batch.predictors).sorted()
    let places = Dictionary(uniqueKeysWithValues: predicting.enumerated().map { ($1, $0) })
    predictors = try onDevice(predicting)
    predictions = try onDevice(batch.predictors.compactMap { places[$0] })
    targets = try onDevice(batch.targets)
    terms = try onDevice(batch.terms)
    sides = try onDevice(batch.sides)
  }
}

extension CausalLM {
  /// log π(y | x) of every side of a micro-batch: the sum over its target tokens.
  ///
  /// The head and most of the last layer run only where a target is predicted.
  ///
  /// - Returns: `[2 · pairs]`, `float64`, chosen sides first
  /// - Throws: `TorchError` when LibTorch fails.
  public func sequenceLogProbabilities(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    let hidden = try hiddenStates(
      batch.tokens, positions: batch.positions, pattern: batch.pattern, rows: batch.predictors)
    let predicting = try hidden.indexSelect(0, batch.predictions)
    // Summed in double precision: a sum of −3,000 in float32 is known to 2e-4 only, and differences of sums are what
    // the loss is made of.
    let tokenLogProbabilities = try logProbabilities(predicting, of: batch.targets).to(.float64)
    return try Tensor.zeros([2 * batch.pairCount], dtype: .float64, device: hidden.device)
      .indexAdd(0, batch.sides, tokenLogProbabilities.indexSelect(0, batch.terms))
  }
}
