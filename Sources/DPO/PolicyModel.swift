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
  let predictors: Tensor
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
    pattern = try PackedTrees(
      batch.trees.map { TreeShape(prefix: $0.prefix, chosen: $0.chosen, rejected: $0.rejected) }, device: device)
    predictors = try onDevice(batch.predictors)
    targets = try onDevice(batch.targets)
    terms = try onDevice(batch.terms)
    sides = try onDevice(batch.sides)
  }
}

extension CausalLM {
  /// log π(y | x) of every side of a micro-batch: the sum over its target tokens.
  ///
  /// The head runs only where a target is predicted.
  ///
  /// - Returns: `[2 · pairs]`, `float64`, chosen sides first
  /// - Throws: `TorchError` when LibTorch fails.
  public func sequenceLogProbabilities(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    let hidden = try hiddenStates(batch.tokens, positions: batch.positions, pattern: batch.pattern)
    let predicting = try hidden.indexSelect(0, batch.predictors)
    // Summed in double precision: a sum of −3,000 in float32 is known to 2e-4 only, and differences of sums are what
    // the loss is made of.
    let tokenLogProbabilities = try logProbabilities(predicting, of: batch.targets).to(.float64)
    return try Tensor.zeros([2 * batch.pairCount], dtype: .float64, device: hidden.device)
      .indexAdd(0, batch.sides, tokenLogProbabilities.indexSelect(0, batch.terms))
  }
}
