import Torch

/// The gradients of a step: summed over its micro-batches, then over all ranks.
///
/// They lie in one buffer in the order of the parameters. With several ranks its buckets leave during the last backward pass.
package final class StepGradients {
  /// The gradients.
  let buffer: FlatBuffer
  /// What the sum of a micro-batch's losses is multiplied by, a `float64` scalar on the device: over all micro-batches of all
  /// ranks the products add up to the mean over the pairs of the global batch. A recorded pass reads it too, so it stays
  /// where it is.
  let lossFactor: Tensor
  /// Keeps gradients within the range of `float16`; nil where they are in another type.
  package let lossScale: LossScale?
  /// Sums the gradients over ranks; nil for a process alone.
  let reducer: GradientReducer?
  /// Whether the last backward pass of the step has begun.
  private var isExchanging = false

  /// Gives each parameter a gradient in a common buffer.
  ///
  /// - Parameter scalesLoss: whether gradients pass through `float16`
  /// - Throws: `TorchError` when memory runs out.
  init(of parameters: [NamedParameter], on device: Device, ranks: Ranks?, scalesLoss: Bool) throws(TorchError) {
    let buffer = try FlatBuffer(like: parameters)
    self.buffer = buffer
    lossFactor = try .zeros([], dtype: .float64, device: device)
    lossScale = scalesLoss ? try LossScale(device: device) : nil
    for (view, (_, parameter)) in zip(buffer.views, parameters) {
      try parameter.value.setRequiresGrad(true)
      try parameter.value.setGradient(view)
    }
    reducer = try ranks.map { ranks throws(TorchError) in
      try GradientReducer(
        ranks.gradients, gradients: buffer, variables: parameters.map(\.parameter.value),
        shards: ranks.shardsOptimizer)
    }
  }

  /// Before the first micro-batch of a step.
  ///
  /// - Parameter pairs: of the global batch
  func begin(pairs: Int) throws(TorchError) {
    try buffer.storage.fillInPlace(0)
    try lossFactor.fillInPlace(1 / Double(pairs))
    if let lossScale { try lossFactor.multiplyInPlace(lossScale.factor) }
  }

  /// Before the last backward pass of a step: gradients leave for the other ranks as they become final.
  func expectLastBackward() throws(TorchError) {
    isExchanging = true
    try reducer?.arm()
  }

  /// Runs a backward pass that is being recorded, so that `sendRecorded()` can follow its replays.
  func recordBackward(_ body: () throws -> Void) throws {
    guard let reducer else { return try body() }
    try reducer.marking(body)
  }

  /// After the replay of such a pass, where it is the last one of a step.
  func sendRecorded() throws(TorchError) {
    isExchanging = true
    try reducer?.sendMarked()
  }

  /// After the last backward pass: the gradients become sums over all ranks. A rank takes part also where it had no
  /// micro-batch, or no memory for it, since the others wait for its part.
  ///
  /// - Returns: nil for a process alone
  func sumOverRanks() throws(TorchError) -> GradientReducer.Exchange? {
    if !isExchanging { try expectLastBackward() }
    isExchanging = false
    return try reducer?.finish()
  }
}
