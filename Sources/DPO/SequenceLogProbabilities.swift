import MiniMind
import Torch

extension CausalLM {
  /// log π(y | x) of every side of a micro-batch: the sum over its target tokens.
  ///
  /// The head and most of the last layer run only where a target is predicted.
  ///
  /// - Returns: `[2 · pairCapacity]`, `float64`, chosen sides first; 0 for padding
  /// - Throws: `TorchError` when LibTorch fails.
  public func sequenceLogProbabilities(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    let index = batch.indices
    let hidden = try hiddenStates(
      index.tokens, positions: index.positions, pattern: batch.pattern, rows: index.rows)
    let predicting = try hidden.indexSelect(0, index.predictions)
    // Summed in double precision: a sum of −3,000 in float32 is known to 2e-4 only, and differences of sums are what
    // the loss is made of.
    let tokenLogProbabilities = try logProbabilities(predicting, of: index.targets).to(.float64)
    let sides = 2 * batch.pairCapacity
    return try Tensor.zeros([sides + batch.spareSides], dtype: .float64, device: hidden.device)
      .indexAdd(0, index.sides, tokenLogProbabilities.indexSelect(0, index.terms))
      .narrow(0, 0, sides)
  }
}

extension Tensor {
  /// What belongs to chosen and to rejected sides, `[pairs]` each, of numbers for both, `[2 · pairs]`, chosen sides first.
  func sides() throws(TorchError) -> (chosen: Tensor, rejected: Tensor) {
    let pairs = count / 2
    return (try narrow(0, 0, pairs), try narrow(0, pairs, pairs))
  }
}
