import CTorch

/// Processes that communicate by collective operations: LibTorch's `ProcessGroupGloo` or `ProcessGroupNCCL`.
///
/// Each process has a rank from 0. All processes call the same collective operations in the same order.
public final class ProcessGroup {
  /// The transport of the data.
  public enum Backend: String, Sendable {
    /// Sockets, for tensors on CPUs.
    case gloo
    /// NVIDIA's library, for tensors on GPUs.
    case nccl
  }

  /// The network interface that Gloo uses.
  public enum Route: Hashable, Sendable {
    /// A network interface by its name, such as `eth0`.
    case interface(String)
    /// The interface that has this address.
    case address(String)
  }

  /// The rank of this process.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  /// The transport of the data.
  public let backend: Backend
  let handle: ctorch_group

  /// Connects to the other processes through the store, over Gloo.
  ///
  /// - Parameters:
  ///   - store: without keys of an earlier group
  ///   - timeout: the longest time that a collective operation may take
  /// - Throws: `TorchError` when a process does not connect or cannot be reached.
  public init(
    gloo store: Store, rank: Int, size: Int, route: Route, timeout: Duration
  ) throws(TorchError) {
    (self.rank, self.size, backend) = (rank, size, .gloo)
    var (interface, address): (String?, String?)
    switch route {
    case .interface(let name): interface = name
    case .address(let name): address = name
    }
    handle = try store.withHandle { store throws(TorchError) in
      try newHandle("ProcessGroup.gloo") {
        ctorch_group_gloo(
          store, Int32(rank), Int32(size), timeout.milliseconds, interface, address ?? "", &$0, &$1)
      }
    }
  }

  /// Connects to the other processes through the store, over NCCL on the current CUDA device.
  ///
  /// - Throws: `TorchError` when a process does not connect, or this build has no NCCL.
  public init(nccl store: Store, rank: Int, size: Int, timeout: Duration) throws(TorchError) {
    (self.rank, self.size, backend) = (rank, size, .nccl)
    handle = try store.withHandle { store throws(TorchError) in
      try newHandle("ProcessGroup.nccl") {
        ctorch_group_nccl(store, Int32(rank), Int32(size), timeout.milliseconds, &$0, &$1)
      }
    }
  }

  deinit { ctorch_group_free(handle) }

  /// Closes the connection. To be called when all ranks have finished their last operation.
  public func shutDown() { withExtendedLifetime(self) { ctorch_group_shut_down(handle) } }

  /// Replaces the tensor on every rank by the sum over all ranks.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func allReduce(_ tensor: Tensor) throws(TorchError) {
    try start("allReduce", keeping: [tensor]) { ctorch_group_all_reduce(handle, tensor.handle, &$0, &$1) }.wait()
  }

  /// Replaces the tensor on every rank by that of one rank.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func broadcast(_ tensor: Tensor, from root: Int) throws(TorchError) {
    try start("broadcast", keeping: [tensor]) {
      ctorch_group_broadcast(handle, tensor.handle, Int32(root), &$0, &$1)
    }.wait()
  }

  /// Starts to fill `output` with the `input` of every rank, in rank order.
  ///
  /// - Parameters:
  ///   - output: `[size · n]`
  ///   - input: `[n]`
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func startAllGather(into output: Tensor, from input: Tensor) throws(TorchError) -> Work {
    try start("allGather", keeping: [output, input]) {
      ctorch_group_all_gather(handle, output.handle, input.handle, &$0, &$1)
    }
  }

  /// Sends a tensor to another rank, which calls `receive`.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when that process fails.
  public func send(_ tensor: Tensor, to rank: Int, tag: Int = 0) throws(TorchError) {
    try start("send", keeping: [tensor]) {
      ctorch_group_send(handle, tensor.handle, Int32(rank), Int32(tag), &$0, &$1)
    }.wait()
  }

  /// Fills a tensor with the one that another rank sends.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when that process fails.
  public func receive(into tensor: Tensor, from rank: Int, tag: Int = 0) throws(TorchError) {
    try start("receive", keeping: [tensor]) {
      ctorch_group_receive(handle, tensor.handle, Int32(rank), Int32(tag), &$0, &$1)
    }.wait()
  }

  /// A collective operation in progress.
  public final class Work {
    private let handle: ctorch_work
    private let operatorName: String
    private let tensors: [Tensor]

    fileprivate init(owning handle: ctorch_work, operatorName: String, tensors: [Tensor]) {
      (self.handle, self.operatorName, self.tensors) = (handle, operatorName, tensors)
    }

    deinit { ctorch_work_free(handle) }

    /// Waits until the operation is done.
    ///
    /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
    public func wait() throws(TorchError) {
      try withExtendedLifetime(self) { () throws(TorchError) in
        try checked(operatorName) { ctorch_work_wait(handle, &$0) }
      }
    }
  }

  private func start(
    _ operatorName: String, keeping tensors: [Tensor],
    _ call: (inout ctorch_work?, inout UnsafeMutablePointer<CChar>?) -> ctorch_status
  ) throws(TorchError) -> Work {
    try withExtendedLifetime((self, tensors)) { () throws(TorchError) in
      Work(owning: try newHandle(operatorName, call), operatorName: operatorName, tensors: tensors)
    }
  }
}

extension ProcessGroup {
  /// The sums of numbers over all ranks.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func sum(_ numbers: [Double]) throws(TorchError) -> [Double] {
    let tensor = try Tensor(numbers)
    try allReduce(tensor)
    return try tensor.array(Double.self)
  }

  /// The numbers of every rank, in rank order; all ranks give the same count.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func gather(_ numbers: [Double]) throws(TorchError) -> [[Double]] {
    let all = try Tensor.zeros([size * numbers.count], dtype: .float64)
    try startAllGather(into: all, from: Tensor(numbers)).wait()
    let values = try all.array(Double.self)
    return (0..<size).map { Array(values[$0 * numbers.count..<($0 + 1) * numbers.count]) }
  }

  /// Returns when all ranks have called it.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func barrier() throws(TorchError) { _ = try sum([0]) }
}
