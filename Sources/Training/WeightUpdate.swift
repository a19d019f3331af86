import OrderedCollections
import Torch

/// From the gradients of a step to new weights: the exchange between ranks, clipping, AdamW.
///
/// Alone, a process updates everything. With ranks, gradients are summed during the backward pass, and every rank makes the
/// same update; where the optimizer is sharded, each makes a part of it, and the parts are exchanged.
final class WeightUpdate {
  private let parameters: FlatBuffer
  private let copies: FlatBuffer?
  private let gradients: FlatBuffer
  private let ranks: Ranks?
  private let reducer: GradientReducer?
  /// One for each slice of the buffers that this rank updates.
  private let optimizers: [AdamW]
  private let slices: [Range<Int>]
  /// Whether the gradients of the step at hand are on their way.
  private var isExchanging = false
  /// What the loss is multiplied by; nil where gradients need no help to stay within their type.
  let lossScale: LossScale?

  /// What there is to know of the last update, for `UpdateOutcome`: `float64`, on the device.
  let outcome: Tensor
  // What a step's work on the device reads of the host, in memory that stays, for recorded work to read as well.
  private let learningRate: Tensor
  private let lossFactor: Tensor

  /// Gives each parameter a gradient in a common buffer, and the optimizer its moments.
  ///
  /// - Parameters:
  ///   - copies: the parameters once more in a type of 16 bits, kept in line with them
  ///   - scalesLoss: whether gradients pass through `float16`
  /// - Throws: `TorchError` when there is no memory.
  init(
    parameters: FlatBuffer, copies: FlatBuffer? = nil, named: [NamedParameter], ranks: Ranks?, options: AdamW.Options,
    scalesLoss: Bool
  ) throws(TorchError) {
    let device = parameters.storage.device
    self.parameters = parameters
    self.copies = copies
    lossScale = scalesLoss ? try LossScale(device: device) : nil
    outcome = try .ones([UpdateOutcome.count], dtype: .float64, device: device)
    learningRate = try AdamW.learningRate(on: device)
    lossFactor = try .zeros([], dtype: .float64, device: device)
    self.ranks = ranks
    let gradients = try FlatBuffer(like: named)
    self.gradients = gradients
    for (view, (_, parameter)) in zip(gradients.views, named) {
      try parameter.value.setRequiresGrad(true)
      try parameter.value.setGradient(view)
    }
    let shards = ranks?.shardsOptimizer ?? false
    var reducer: GradientReducer?
    if let ranks {
      reducer = try GradientReducer(
        ranks.gradients, gradients: gradients, variables: named.map(\.parameter.value), shards: shards)
    }
    self.reducer = reducer
    slices = shards ? reducer?.received ?? [] : [0..<gradients.storage.count]
    var optimizers: [AdamW] = []
    for slice in slices {
      optimizers.append(
        try AdamW(
          parameters: FlatBuffer(slice: slice, of: parameters), gradients: FlatBuffer(slice: slice, of: gradients),
          // With parts exchanged behind it, all is copied there.
          copies: shards ? nil : copies.map { copies throws(TorchError) in try FlatBuffer(slice: slice, of: copies) },
          options: options))
    }
    self.optimizers = optimizers
  }

  /// Updates made. Asking waits for the device.
  func stepCount() throws(TorchError) -> Int { try optimizers.first?.stepCount() ?? 0 }

  /// Goes on behind so many updates.
  func resume(behind count: Int) throws(TorchError) {
    for optimizer in optimizers { try optimizer.resume(behind: count) }
  }

  /// Before a step's first backward pass.
  func clearGradients() throws(TorchError) { try gradients.storage.fillInPlace(0) }

  /// What the sum of a micro-batch's losses is multiplied by: all together make the mean over the step's pairs.
  ///
  /// - Returns: a `float64` scalar on the device, the same at each step with another value
  func lossFactor(pairsOfStep: Int) throws(TorchError) -> Tensor {
    try lossFactor.fillInPlace(1 / Double(pairsOfStep))
    if let lossScale { try lossFactor.multiplyInPlace(lossScale.factor) }
    return lossFactor
  }

  /// Before a step's last backward pass: from here on gradients are final, and go to the other ranks.
  func expectLastBackward() throws(TorchError) {
    isExchanging = true
    try reducer?.arm()
  }

  /// Runs a backward pass that is being recorded so that `sendRecorded()` may follow its replays.
  func recordBackward(_ body: () throws -> Void) throws {
    guard let reducer else { return try body() }
    try reducer.marking(body)
  }

  /// Behind the replay of such a pass, where it is a step's last one: gradients go to the other ranks as they become final.
  func sendRecorded() throws(TorchError) {
    isExchanging = true
    try reducer?.sendMarked()
  }

  /// Behind a step's last backward pass, also on a rank that had none, or no memory for it, whose part the others wait for:
  /// the gradients become sums over all ranks.
  ///
  /// - Returns: nil for a process alone
  func finishExchange() throws(TorchError) -> GradientReducer.Exchange? {
    if !isExchanging { try expectLastBackward() }
    isExchanging = false
    return try reducer?.finish()
  }

  /// Before `apply`: what the host has to say of it.
  func prepare(learningRate: Double) throws(TorchError) { try self.learningRate.fillInPlace(learningRate) }

  /// One update of all weights, on every rank, with the gradients scaled so that their norm is at most `maximumNorm`; left
  /// out where the norm is not finite. What there is to know of it is `outcome` then. Nothing here waits for the device or
  /// sends it anything, so that it may be recorded.
  func apply(maximumNorm: Double) throws(TorchError) {
    try withoutGrad { () throws(TorchError) in
      let scaling = try GradientScaling(
        sumOfSquares: sumOfSquares(), maximum: maximumNorm, lossScale: lossScale?.factor)
      for optimizer in optimizers { try optimizer.step(learningRate: learningRate, scaling: scaling) }
      try gatherWeights()
      try lossScale?.update(skipped: scaling.skips)
      try outcome.select(0, 0).copyInPlace(scaling.norm)
      try outcome.select(0, 1).copyInPlace(scaling.skips)
      // Without a loss scale it stays 1.
      if let lossScale { try outcome.select(0, 2).copyInPlace(lossScale.factor) }
    }
  }

  /// Of all gradients, a `float64` scalar on the device.
  private func sumOfSquares() throws(TorchError) -> Tensor {
    guard let ranks, ranks.shardsOptimizer, let reducer else { return try Torch.sumOfSquares([gradients.storage]) }
    // The sum over each rank's own parts; what could not be divided, all have, and the first counts it.
    var own: [Tensor] = []
    for (bucket, slice) in zip(reducer.buckets, reducer.received) where bucket != slice || ranks.rank == 0 {
      own.append(try gradients.storage.narrow(0, slice.lowerBound, slice.count))
    }
    let sum =
      own.isEmpty
      ? try Tensor.zeros([], dtype: .float64, device: gradients.storage.device) : try Torch.sumOfSquares(own)
    try ranks.gradients.allReduce(sum)
    return sum
  }

  /// Every rank receives the parts that the others have updated, and copies all.
  private func gatherWeights() throws(TorchError) {
    guard let ranks, ranks.shardsOptimizer, let reducer else { return }
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
}

// MARK: - The optimizer's state, whole

extension WeightUpdate {
  /// A moment of AdamW.
  enum Moment: String, CaseIterable {
    case first, second
  }

  /// A moment of all parameters in the layout of the weights, whatever the number of ranks; called by all ranks.
  ///
  /// - Returns: nil on all ranks but the first; it may be the optimizer's own memory
  func gather(_ moment: Moment) throws(TorchError) -> FlatBuffer? {
    guard ranks?.shardsOptimizer == true else {
      // Every rank holds everything: the first needs nobody, and no copy.
      return ranks.isFirst ? try FlatBuffer(viewing: self.moment(moment, of: 0), as: parameters) : nil
    }
    let whole = ranks.isFirst ? try FlatBuffer(like: parameters) : nil
    try forEachSlice(of: 0..<ranks.size) { rank, slice, number throws(TorchError) in
      let own = number.map { self.moment(moment, of: $0) }
      if let whole {
        let target = try whole.storage.narrow(0, slice.lowerBound, slice.count)
        if let own { try target.copyInPlace(own) } else { try receive(into: target, from: rank) }
      } else if let own {
        try ranks?.control.send(own.to(device: .cpu), to: 0)
      }
    }
    return whole
  }

  /// The opposite: all ranks take theirs of what the first has; called by all ranks.
  ///
  /// - Parameter whole: nil on all ranks but the first
  func scatter(_ moment: Moment, from whole: FlatBuffer?) throws(TorchError) {
    try forEachSlice(of: 0..<ranks.size) { rank, slice, number throws(TorchError) in
      let own = number.map { self.moment(moment, of: $0) }
      if let whole {
        let source = try whole.storage.narrow(0, slice.lowerBound, slice.count)
        if let own { try own.copyInPlace(source) } else { try ranks?.control.send(source.to(device: .cpu), to: rank) }
      } else if let own {
        try receive(into: own, from: 0)
      }
    }
  }

  /// The control group carries what lies in hosts' memories.
  private func receive(into target: Tensor, from rank: Int) throws(TorchError) {
    let received = try target.device == .cpu ? target : Tensor.empty(target.shape, dtype: target.dtype)
    try ranks?.control.receive(into: received, from: rank)
    if target.device != .cpu { try target.copyInPlace(received) }
  }

  private func moment(_ moment: Moment, of optimizer: Int) -> Tensor {
    switch moment {
    case .first: optimizers[optimizer].firstMoments.storage
    case .second: optimizers[optimizer].secondMoments.storage
    }
  }

  /// Goes through the slices of some ranks in one order.
  ///
  /// - Parameter body: the rank that holds the slice, where it is, and the number of the optimizer where this rank is it
  private func forEachSlice(
    of holders: Range<Int>, _ body: (Int, Range<Int>, Int?) throws(TorchError) -> Void
  ) throws(TorchError) {
    for rank in holders {
      for (number, slice) in slices(of: rank).enumerated() {
        try body(rank, slice, rank == ranks.rank ? number : nil)
      }
    }
  }

  private func slices(of rank: Int) -> [Range<Int>] {
    guard let reducer, ranks?.shardsOptimizer == true else { return slices }
    let size = ranks.size
    return zip(reducer.buckets, reducer.received).map { bucket, own in
      guard bucket != own else { return bucket }
      let part = bucket.count / size
      return bucket.lowerBound + part * rank..<bucket.lowerBound + part * (rank + 1)
    }
  }
}

/// What became of an update.
struct UpdateOutcome {
  /// The gradients' norm before clipping, of the unscaled loss.
  let norm: Double
  /// Whether it was left out.
  let isSkipped: Bool
  /// What the loss is multiplied by from then on.
  let lossScale: Double

  /// The number of values in `WeightUpdate.outcome`.
  static let count = 3

  /// - Parameter values: those of `WeightUpdate.outcome`
  init(_ values: some Collection<Double>) {
    let values = Array(values)
    (norm, isSkipped, lossScale) = (values[0], values[1] != 0, values[2])
  }
}
