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
  /// Room for pairs: `pairCount` without a capacity.
  public let pairCapacity: Int
  /// Sides after the real ones, towards which padding counts.
  let spareSides: Int
  /// Which tokens see each other.
  let pattern: PackedTrees
  /// The numbers of `TreeBatch` under their names there, `int64`.
  let indices: DeviceColumns<Int>
  private let weights: DeviceColumns<Float>

  /// A micro-batch without padding.
  ///
  /// - Parameter plansAttention: whether the trees run as sequences of a plan on the CPU too, as on CUDA devices: a
  ///   slower way to the same numbers, for comparison
  /// - Throws: `TorchError` when memory runs out.
  public init(_ batch: TreeBatch, device: Device = .cpu, plansAttention: Bool = false) throws(TorchError) {
    try self.init(packed: batch, capacity: nil, device: device, plansAttention: plansAttention)
  }

  /// A micro-batch padded to a capacity.
  ///
  /// - Parameter plansAttention: as above
  /// - Throws: `TorchError` when the batch exceeds the capacity or memory runs out.
  public init(
    _ batch: TreeBatch, capacity: BatchCapacity, device: Device = .cpu, plansAttention: Bool = false
  ) throws(TorchError) {
    try self.init(
      packed: Self.padded(batch, capacity), capacity: capacity, device: device, plansAttention: plansAttention)
  }

  private init(
    packed batch: TreeBatch, capacity: BatchCapacity?, device: Device, plansAttention: Bool
  ) throws(TorchError) {
    (pairCount, tokenCount) = (batch.pairCount, batch.tokenCount)
    (self.capacity, pairCapacity, spareSides) = (capacity, batch.pairCapacity, batch.spareSides)
    let trees = batch.trees.map(Tree.init)
    let isPlanned = plansAttention || device != .cpu
    pattern = PackedTrees(
      trees,
      plan: isPlanned
        ? try TreePlan(trees, capacity: capacity.map(TreePlan.Capacity.init), device: device) : nil)
    indices = try DeviceColumns(
      [\.tokens, \.positions, \.rows, \.predictions, \.targets, \.terms, \.sides], of: batch, device: device
    ) { $0 }
    weights = try DeviceColumns(
      [\.targetCounts, \.pairWeights, \.excess, \.counts, \.sideCounts], of: batch, device: device
    ) { Float($0) }
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
    let padded = try Self.padded(batch, capacity)
    try pattern.update(padded.trees.map(Tree.init))
    try indices.refill(padded)
    try weights.refill(padded)
    (pairCount, tokenCount) = (padded.pairCount, padded.tokenCount)
  }

  /// The number of target tokens of each side, `[2 · pairCapacity]`, `float32`, chosen sides first.
  public var targetCounts: Tensor { weights.targetCounts }
  /// 1 for each pair, 0 for padding, `[pairCapacity]`, `float32`: what the loss of a pair counts.
  public var pairWeights: Tensor { weights.pairWeights }
  /// The numbers of pairs, of input tokens, and of the tokens of both sides, without padding, `[3]`, `float32`.
  public var counts: Tensor { weights.counts }
  /// The sides that each input token stands in, `[tokens]`, `float32`; 0 for padding.
  var sideCounts: Tensor { weights.sideCounts }
  /// For each term 1 where its token comes after as many target tokens of its side as the pair's shorter side has, else 0,
  /// `float32`.
  var excessTerms: Tensor { weights.excess }

  private static func padded(_ batch: TreeBatch, _ capacity: BatchCapacity) throws(TorchError) -> TreeBatch {
    do throws(BatchCapacityError) {
      return try batch.padded(to: capacity)
    } catch {
      throw TorchError(kind: .failed, operatorName: "DeviceBatch", reason: error.description)
    }
  }
}

/// Arrays of a `TreeBatch` on the device, under their names there. They lie in one tensor and are copied in one piece.
@dynamicMemberLookup
struct DeviceColumns<Element: TensorElement> {
  private let names: [KeyPath<TreeBatch, [Int]>]
  private let element: (Int) -> Element
  private let storage: Tensor
  private let views: [KeyPath<TreeBatch, [Int]>: Tensor]

  init(
    _ names: [KeyPath<TreeBatch, [Int]>], of batch: TreeBatch, device: Device, as element: @escaping (Int) -> Element
  ) throws(TorchError) {
    let lengths = names.map { batch[keyPath: $0].count }
    storage = try .empty([lengths.reduce(0, +)], dtype: Element.dtype, device: device)
    var views: [KeyPath<TreeBatch, [Int]>: Tensor] = [:]
    var start = 0
    for (name, length) in zip(names, lengths) {
      views[name] = try storage.narrow(0, start, length)
      start += length
    }
    (self.names, self.views, self.element) = (names, views, element)
    try refill(batch)
  }

  func refill(_ batch: TreeBatch) throws(TorchError) {
    try storage.refill(names.flatMap { batch[keyPath: $0].map(element) })
  }

  subscript(dynamicMember name: KeyPath<TreeBatch, [Int]>) -> Tensor {
    guard let view = views[name] else { preconditionFailure("\(name) is not one of the columns") }
    return view
  }
}

extension TreeBatch {
  fileprivate var counts: [Int] { [pairCount, tokenCount, sideTokenCount] }
}

extension Tree {
  fileprivate init(_ tree: TreeBatch.Tree) {
    self.init(prefix: tree.prefix, branches: tree.branches)
  }
}

extension TreePlan.Capacity {
  fileprivate init(_ capacity: BatchCapacity) {
    self.init(
      tokens: capacity.tokens, keyRows: capacity.keyRows, sequences: capacity.sequences,
      longestQueries: capacity.longest, longestKeys: capacity.longest, copies: capacity.furtherBranches)
  }
}
