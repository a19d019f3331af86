import MiniMind
import Torch

extension CausalLM {
  /// log π(y | x) of every side of a micro-batch: the sum over its target tokens.
  ///
  /// The head and most of the last layer run only where a target is predicted.
  ///
  /// - Parameter excessTokenWeight: what each token after the length of the pair's shorter side counts; nil for 1
  /// - Returns: `[2 · pairCapacity]`, `float64`, chosen sides first; 0 for padding
  /// - Throws: `TorchError` when LibTorch fails.
  public func sequenceLogProbabilities(
    _ batch: DeviceBatch, excessTokenWeight: Double? = nil
  ) throws(TorchError) -> Tensor {
    let tokens = try logProbabilities(predictingStates(batch), of: batch.indices.targets)
    return try batch.sumOverSides(tokens, excessTokenWeight: excessTokenWeight)
  }

  /// The same, with what the head's pass over the logits tells besides.
  ///
  /// - Parameter use: receives how experts are used; made by `DeviceBatch.expertUse()`
  /// - Throws: `TorchError` when LibTorch fails.
  public func sideScores(
    _ batch: DeviceBatch, excessTokenWeight: Double? = nil, counting use: ExpertUse? = nil
  ) throws(TorchError) -> SideScores {
    let predictions = try predictions(predictingStates(batch, counting: use), of: batch.indices.targets)
    let sums = try batch.sumOverSides(predictions.logProbabilities)
    return try SideScores(
      logProbabilities: excessTokenWeight == nil
        ? sums : batch.sumOverSides(predictions.logProbabilities, excessTokenWeight: excessTokenWeight),
      tokenSums: sums, statistics: batch.sumOverSides(predictions.statistics))
  }

  /// How the experts are used by the tokens of a micro-batch, each as often as there are sides in which it stands: what the
  /// sides would count without packing. The head and the experts of the last layer do not run.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func expertUse(of batch: DeviceBatch) throws(TorchError) -> ExpertUse {
    let (use, index) = (try batch.expertUse(), batch.indices)
    _ = try hiddenStates(
      index.tokens, positions: index.positions, pattern: batch.pattern, rows: index.rows.narrow(0, 0, 0), counting: use)
    return use
  }

  /// The hidden states that predict targets, `[predictions, hidden]`.
  private func predictingStates(_ batch: DeviceBatch, counting use: ExpertUse? = nil) throws(TorchError) -> Tensor {
    let index = batch.indices
    let hidden = try hiddenStates(
      index.tokens, positions: index.positions, pattern: batch.pattern, rows: index.rows, counting: use)
    return try hidden.indexSelect(0, index.predictions)
  }
}

extension DeviceBatch {
  /// Counts how experts are used, by nobody yet: every token as often as there are sides in which it stands.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func expertUse() throws(TorchError) -> ExpertUse { try ExpertUse(counting: sideCounts) }

  /// Sums numbers of predictions over the target tokens of each side.
  ///
  /// - Parameter x: `[predictions]`, or several rows of them, `[rows, predictions]`
  /// - Returns: `[2 · pairCapacity]`, or a row each, `float64`, chosen sides first; 0 for padding
  fileprivate func sumOverSides(_ x: Tensor, excessTokenWeight: Double? = nil) throws(TorchError) -> Tensor {
    let last = x.shape.count - 1
    // Summed in double precision: a sum of −3,000 in float32 is known to 2e-4 only, and differences of sums are what
    // the loss is made of.
    var terms = try x.to(.float64).indexSelect(last, indices.terms)
    if let excessTokenWeight { terms = try terms * (1 - (1 - excessTokenWeight) * excessTerms) }
    let sides = 2 * pairCapacity
    return try Tensor.zeros(x.shape.dropLast() + [sides + spareSides], dtype: .float64, device: x.device)
      .indexAdd(last, indices.sides, terms)
      .narrow(last, 0, sides)
  }
}

extension Tensor {
  /// What belongs to chosen and to rejected sides, `[pairs]` each, of numbers for both, `[2 · pairs]`, chosen sides first.
  func sides() throws(TorchError) -> (chosen: Tensor, rejected: Tensor) {
    let pairs = count / 2
    return (try narrow(0, 0, pairs), try narrow(0, pairs, pairs))
  }
}
