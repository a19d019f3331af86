import Preferences
import Torch

/// The processes that train one model together, as seen by one of them: each has a whole copy of the weights and takes
/// its share of every batch.
public struct Ranks {
  /// Carries numbers between hosts' memories: metrics, stop requests, checkpoints.
  public let control: ProcessGroup
  /// Carries gradients and weights.
  public let gradients: ProcessGroup
  /// Whether each rank keeps and updates only its part of the optimizer's state (ZeRO stage 1: Rajbhandari et al., 2019,
  /// arXiv:1910.02054).
  public let shardsOptimizer: Bool
  /// The ranks that write checkpoints: the first, or one on each host.
  public let writers: [Int]

  /// - Parameters:
  ///   - control: a group for tensors on CPUs
  ///   - gradients: a group for tensors on the device; without, `control` carries them too
  public init(
    control: ProcessGroup, gradients: ProcessGroup? = nil, shardsOptimizer: Bool = false, writers: [Int] = [0]
  ) {
    self.control = control
    self.gradients = gradients ?? control
    self.shardsOptimizer = shardsOptimizer
    self.writers = writers
  }

  /// This process.
  public var rank: Int { control.rank }
  /// The number of processes.
  public var size: Int { control.size }
}

extension Ranks? {
  /// This process; 0 where it is alone.
  var rank: Int { self?.rank ?? 0 }
  /// The number of processes; 1 where it is alone.
  var size: Int { self?.size ?? 1 }
  /// Whether this process writes files.
  var isFirst: Bool { rank == 0 }
  /// The ranks that write checkpoints.
  var writers: [Int] { self?.writers ?? [0] }

  /// The sums of numbers over all ranks.
  func sum(_ numbers: [Double]) throws(TorchError) -> [Double] { try self?.control.sum(numbers) ?? numbers }

  /// The numbers of the first rank; the others' are ignored, and may be more or fewer.
  func broadcast(_ numbers: [Double]) throws(TorchError) -> [Double] {
    guard let self else { return numbers }
    let count = Int(try self.control.sum([rank == 0 ? Double(numbers.count) : 0])[0])
    guard count > 0 else { return [] }
    let tensor = try rank == 0 ? Tensor(numbers) : Tensor.zeros([count], dtype: .float64)
    try self.control.broadcast(tensor, from: 0)
    return try tensor.array(Double.self)
  }

  /// The bytes of a rank.
  func broadcast(_ bytes: [UInt8], from sender: Int = 0) throws(TorchError) -> [UInt8] {
    guard let self else { return bytes }
    let count = Int(try self.control.sum([rank == sender ? Double(bytes.count) : 0])[0])
    guard count > 0 else { return [] }
    let tensor = try rank == sender ? Tensor(bytes) : Tensor.zeros([count], dtype: .uint8)
    try self.control.broadcast(tensor, from: sender)
    return try tensor.array(UInt8.self)
  }

  /// This rank's share of pairs, in the order given, by the work that each is.
  func share(of pairs: [TokenizedPair], by work: PairWork) -> [TokenizedPair] {
    fairShares(of: pairs.map { work($0) }, among: size)[rank].map { pairs[$0] }
  }
}

extension TokenizedPair {
  /// Input tokens that the pair costs.
  func tokens(sharingPrefix: Bool) -> Int { sharingPrefix ? treeLength : chosenIDs.count + rejectedIDs.count }
}

extension [TokenizedPair] {
  /// Input tokens that pairs of one prompt cost together.
  func tokens(sharingPrefix: Bool) -> Int {
    sharingPrefix ? treeLength : reduce(0) { $0 + $1.tokens(sharingPrefix: false) }
  }
}
