import Torch

/// From the gradients of a step to new weights: gradient clipping and AdamW.
///
/// Every rank makes the same update of its copy of the weights. With ZeRO-1 (`Ranks.shardsOptimizer`) each keeps moments for
/// its part of the weights alone and updates that part; then the parts are gathered.
final class WeightUpdate {
  private let parameters: FlatBuffer
  private let copies: FlatBuffer?
  private let gradients: StepGradients
  let ranks: Ranks?
  /// One for each slice of the buffers that this rank updates.
  let optimizers: [AdamW]
  /// What became of the last update, for `UpdateOutcome`: `float64`, on the device.
  let outcome: Tensor
  /// Read by recorded updates too, so it stays where it is.
  private let learningRate: Tensor

  /// Gives the optimizer its moments.
  ///
  /// - Parameters:
  ///   - parameters: the master weights
  ///   - copies: the parameters in a compute dtype of 16 bits, kept in line with them
  /// - Throws: `TorchError` when memory runs out.
  init(
    of parameters: FlatBuffer, copies: FlatBuffer?, gradients: StepGradients, ranks: Ranks?, options: AdamW.Options
  ) throws(TorchError) {
    let device = parameters.storage.device
    (self.parameters, self.copies, self.gradients, self.ranks) = (parameters, copies, gradients, ranks)
    outcome = try .ones([UpdateOutcome.count], dtype: .float64, device: device)
    learningRate = try AdamW.learningRate(on: device)
    let shards = ranks?.shardsOptimizer ?? false
    let slices = shards ? gradients.reducer?.received ?? [] : [0..<gradients.buffer.storage.count]
    optimizers = try slices.map { slice throws(TorchError) in
      try AdamW(
        parameters: FlatBuffer(slice: slice, of: parameters),
        gradients: FlatBuffer(slice: slice, of: gradients.buffer),
        // With ZeRO-1 everything is copied once the parts are gathered.
        copies: shards ? nil : copies.map { copies throws(TorchError) in try FlatBuffer(slice: slice, of: copies) },
        options: options)
    }
  }

  /// Updates made so far. Asking waits for the device.
  func stepCount() throws(TorchError) -> Int { try optimizers.first?.stepCount() ?? 0 }

  /// Continues after this many updates.
  func resume(after count: Int) throws(TorchError) {
    for optimizer in optimizers { try optimizer.resume(after: count) }
  }

  /// Before `apply`: what the host decides of it.
  func prepare(learningRate: Double) throws(TorchError) { try self.learningRate.fillInPlace(learningRate) }

  /// One update of all weights, with the gradients scaled so that their norm is at most `maximumNorm`; left out where the norm
  /// is not finite. `outcome` tells which. The host neither waits for the device nor sends it anything, so that the update can
  /// be recorded.
  func apply(maximumNorm: Double) throws(TorchError) {
    let lossScale = gradients.lossScale
    try withoutGrad { () throws(TorchError) in
      let scaling = try GradientScaling(
        sumOfSquares: sumOfSquares(), maximum: maximumNorm, lossScale: lossScale?.factor)
      for optimizer in optimizers { try optimizer.step(learningRate: learningRate, scaling: scaling) }
      try gatherWeights()
      try lossScale?.update(skipped: scaling.skips)
      try UpdateOutcome.write(scaling, lossScale: lossScale, to: outcome)
    }
  }

  /// Σ g² over all gradients, a `float64` scalar on the device.
  private func sumOfSquares() throws(TorchError) -> Tensor {
    let storage = gradients.buffer.storage
    guard let ranks, ranks.shardsOptimizer, let reducer = gradients.reducer else {
      return try Torch.sumOfSquares([storage])
    }
    // The sum over each rank's own parts. All ranks have what could not be divided; the first one counts it.
    var own: [Tensor] = []
    for (bucket, slice) in zip(reducer.buckets, reducer.received) where bucket != slice || ranks.rank == 0 {
      own.append(try storage.narrow(0, slice.lowerBound, slice.count))
    }
    let sum = own.isEmpty ? try .zeros([], dtype: .float64, device: storage.device) : try Torch.sumOfSquares(own)
    try ranks.gradients.allReduce(sum)
    return sum
  }

  /// Every rank receives the parts that the others have updated.
  private func gatherWeights() throws(TorchError) {
    guard let ranks, ranks.shardsOptimizer, let reducer = gradients.reducer else { return }
    var works: [ProcessGroup.Work] = []
    for (bucket, slice) in zip(reducer.buckets, reducer.received) where bucket != slice {
      let whole = try parameters.storage.narrow(0, bucket.lowerBound, bucket.count)
      // A copy: not every back end lets the input lie within the output.
      let own = try parameters.storage.narrow(0, slice.lowerBound, slice.count).clone()
      works.append(try ranks.gradients.startAllGather(into: whole, from: own))
    }
    for work in works { try work.wait() }
    try copies?.storage.copyInPlace(parameters.storage)
  }

  /// The slices of the buffers that a rank updates.
  func slices(of rank: Int) -> [Range<Int>] {
    guard let ranks, ranks.shardsOptimizer, let reducer = gradients.reducer else {
      return [0..<gradients.buffer.storage.count]
    }
    return zip(reducer.buckets, reducer.received).map { bucket, own in
      guard bucket != own else { return bucket }
      let part = bucket.count / ranks.size
      return bucket.lowerBound + part * rank..<bucket.lowerBound + part * (rank + 1)
    }
  }

  /// The weights' layout, for buffers of the optimizer's state.
  var layout: FlatBuffer { parameters }
}

/// What became of an update.
struct UpdateOutcome {
  /// The gradients' norm before clipping, of the unscaled loss.
  let norm: Double
  /// Whether the update was left out.
  let isSkipped: Bool
  /// What the next loss is multiplied by; 1 without a loss scale.
  let lossScale: Double

  /// The number of values that `write` writes.
  static let count = 3

  /// Writes an outcome into a tensor of ones, on its device.
  static func write(_ scaling: GradientScaling, lossScale: LossScale?, to values: Tensor) throws(TorchError) {
    try values.select(0, 0).copyInPlace(scaling.norm)
    try values.select(0, 1).copyInPlace(scaling.skips)
    if let lossScale { try values.select(0, 2).copyInPlace(lossScale.factor) }
  }

  /// Reads what `write` wrote.
  init(_ values: [Double]) {
    (norm, isSkipped, lossScale) = (values[0], values[1] != 0, values[2])
  }
}
