import MiniMind
import Preferences
import Torch

/// A micro-batch on the device, ready for any number of models.
///
/// With a capacity it is padded, and its tensors can be filled with other micro-batches (`update`): a captured CUDA graph
/// that reads them then runs over those.
public struct DeviceBatch {
  /// The number of pairs, without padding.
  public private(set) var pairCount: Int
  /// The number of input tokens, without padding.
  public private(set) var tokenCount: Int
  /// What the tensors are padded to; nil where they are as long as the batch.
  public let capacity: BatchCapacity?
  /// Pairs that there is room for, `pairCount` without a capacity.
  public let pairCapacity: Int
  /// Target tokens of each side, `[2 · room for pairs]`, `float32`: chosen sides first.
  public let targetCounts: Tensor
  /// 1 for each pair, 0 for padding, `[room for pairs]`, `float32`: what a pair's loss counts.
  public let pairWeights: Tensor
  /// Pairs and input tokens, without padding, `[2]`, `float32`.
  public let counts: Tensor

  let tokens: Tensor
  let positions: Tensor
  let pattern: PackedTrees
  /// The tokens that predict a target.
  let predictors: Tensor
  /// For each prediction the place of its token among them.
  let predictions: Tensor
  let targets: Tensor
  let terms: Tensor
  let sides: Tensor
  /// Sides behind the real ones, towards which padding counts.
  let spareSides: Int

  /// What the tensors of whole numbers, and those of others, are views of: each goes to the device in one piece.
  private let whole: Tensor
  private let floating: Tensor

  /// A micro-batch as it is.
  ///
  /// - Parameter plansAttention: whether the trees run as sequences of a plan on the CPU too, as on CUDA devices: a
  ///   slower way to the same numbers, for comparison
  /// - Throws: `TorchError` when memory runs out.
  public init(_ batch: TreeBatch, device: Device = .cpu, plansAttention: Bool = false) throws(TorchError) {
    try self.init(batch, BatchArrays(batch), capacity: nil, device: device, plansAttention: plansAttention)
  }

  /// A micro-batch padded to a capacity.
  ///
  /// - Parameter plansAttention: as above
  /// - Throws: `TorchError` when the batch exceeds the capacity or memory runs out.
  public init(
    _ batch: TreeBatch, capacity: BatchCapacity, device: Device = .cpu, plansAttention: Bool = false
  ) throws(TorchError) {
    try self.init(
      batch, Self.padded(batch, capacity), capacity: capacity, device: device, plansAttention: plansAttention)
  }

  private init(
    _ batch: TreeBatch, _ arrays: BatchArrays, capacity: BatchCapacity?, device: Device, plansAttention: Bool
  ) throws(TorchError) {
    (pairCount, tokenCount) = (batch.pairCount, batch.tokens.count)
    (self.capacity, pairCapacity, spareSides) = (capacity, arrays.pairs, arrays.spareSides)
    whole = try .empty([arrays.whole.reduce(0) { $0 + $1.count }], dtype: .int64, device: device)
    floating = try .empty([arrays.floating.reduce(0) { $0 + $1.count }], device: device)
    let wholeParts = try Self.parts(of: whole, arrays.whole.map(\.count))
    (tokens, positions, predictors, predictions) = (wholeParts[0], wholeParts[1], wholeParts[2], wholeParts[3])
    (targets, terms, sides) = (wholeParts[4], wholeParts[5], wholeParts[6])
    let floatingParts = try Self.parts(of: floating, arrays.floating.map(\.count))
    (targetCounts, pairWeights, counts) = (floatingParts[0], floatingParts[1], floatingParts[2])
    let shapes = Self.shapes(arrays)
    let isPlanned = plansAttention || device != .cpu
    pattern = PackedTrees(
      shapes,
      plan: isPlanned
        ? try TreePlan(
          shapes.map { ($0.prefix, $0.chosen, $0.rejected) }, capacity: capacity.map(TreePlan.Capacity.init),
          device: device) : nil)
    try fill(arrays)
  }

  /// Another micro-batch in the same tensors, in the order of the device's current stream; the host does not wait.
  ///
  /// - Throws: `TorchError` when this batch has no capacity, or the other one exceeds it.
  public mutating func update(_ batch: TreeBatch) throws(TorchError) {
    guard let capacity else {
      throw TorchError(
        kind: .failed, operatorName: "DeviceBatch.update", reason: "a batch without a capacity holds only its own pairs"
      )
    }
    let arrays = try Self.padded(batch, capacity)
    try pattern.update(Self.shapes(arrays))
    try fill(arrays)
    (pairCount, tokenCount) = (batch.pairCount, batch.tokens.count)
  }

  private func fill(_ arrays: BatchArrays) throws(TorchError) {
    try whole.refill(Array(arrays.whole.joined()))
    try floating.refill(Array(arrays.floating.joined()))
  }

  private static func padded(_ batch: TreeBatch, _ capacity: BatchCapacity) throws(TorchError) -> BatchArrays {
    do throws(BatchCapacityError) {
      return try BatchArrays(batch, capacity: capacity)
    } catch {
      throw TorchError(kind: .failed, operatorName: "DeviceBatch", reason: error.description)
    }
  }

  private static func shapes(_ arrays: BatchArrays) -> [TreeShape] {
    arrays.trees.map { TreeShape(prefix: $0.prefix, chosen: $0.chosen, rejected: $0.rejected) }
  }

  private static func parts(of tensor: Tensor, _ lengths: [Int]) throws(TorchError) -> [Tensor] {
    var parts: [Tensor] = []
    var start = 0
    for length in lengths {
      parts.append(try tensor.narrow(0, start, length))
      start += length
    }
    return parts
  }
}

extension BatchArrays {
  fileprivate var whole: [[Int]] { [tokens, positions, predictors, predictions, targets, terms, sides] }
  fileprivate var floating: [[Float]] { [targetCounts, pairWeights, counts] }
}

extension TreePlan.Capacity {
  fileprivate init(_ capacity: BatchCapacity) {
    self.init(
      tokens: capacity.tokens, keyRows: capacity.keyRows, sequences: capacity.sequences,
      longestQueries: capacity.longest, longestKeys: capacity.longest)
  }
}
