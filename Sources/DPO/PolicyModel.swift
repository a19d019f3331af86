import MiniMind
import Torch

extension CausalLM {
  /// log π(y | x) of every side of a micro-batch: the sum over its target tokens.
  ///
  /// The head and most of the last layer run only where a target is predicted.
  ///
  /// - Returns: `[2 · room for pairs]`, `float64`, chosen sides first; 0 for sides that pad
  /// - Throws: `TorchError` when LibTorch fails.
  public func sequenceLogProbabilities(_ batch: DeviceBatch) throws(TorchError) -> Tensor {
    let hidden = try hiddenStates(
      batch.tokens, positions: batch.positions, pattern: batch.pattern, rows: batch.predictors)
    let predicting = try hidden.indexSelect(0, batch.predictions)
    // Summed in double precision: a sum of −3,000 in float32 is known to 2e-4 only, and differences of sums are what
    // the loss is made of.
    let tokenLogProbabilities = try logProbabilities(predicting, of: batch.targets).to(.float64)
    let sides = 2 * batch.pairCapacity
    return try Tensor.zeros([sides + batch.spareSides], dtype: .float64, device: hidden.device)
      .indexAdd(0, batch.sides, tokenLogProbabilities.indexSelect(0, batch.terms))
      .narrow(0, 0, sides)
  }
}
