import CTorch

/// Memory of a GPU for the intermediate results of graphs, and of other work, that run one after the other on one stream: the
/// same bytes serve all of them.
///
/// No tensor of it may be kept longer than the body that made it: a graph that is replayed writes there.
public final class CUDAMemoryPool {
  fileprivate let handle: ctorch_pool

  /// A pool without any memory yet.
  ///
  /// - Throws: `TorchError` where there is no such device.
  public init(device index: Int) throws(TorchError) {
    handle = try newHandle("CUDAMemoryPool") { ctorch_pool_new(Int32(clamping: index), &$0, &$1) }
  }

  deinit { ctorch_pool_free(handle) }

  /// Takes memory for what a body queues on the current stream out of the pool.
  ///
  /// - Throws: what the body throws; `TorchError`.
  public func allocating<Result>(_ body: () throws -> Result) throws -> Result {
    try withExtendedLifetime(self) {
      try checked("CUDAMemoryPool.begin") { ctorch_pool_begin(handle, &$0) }
      let outcome = Swift.Result { try body() }
      try checked("CUDAMemoryPool.end") { ctorch_pool_end(handle, &$0) }
      return try outcome.get()
    }
  }
}

/// Work of a GPU that is recorded once and then queued as a whole, again and again, on the same memory: a small model's
/// many kernels otherwise wait for the host that launches them.
public final class CUDAGraph {
  private let handle: ctorch_graph

  /// Records what the body queues on the current stream, which is not the default one. Nothing of it runs yet.
  ///
  /// - Parameters:
  ///   - pool: memory for intermediate results; the graph's own where nil
  ///   - body: must not wait for the device, and allocates nothing that is freed outside
  /// - Throws: `TorchError` when the body queues what cannot be recorded, and what the body throws.
  public init(in pool: CUDAMemoryPool? = nil, _ body: () throws -> Void) throws {
    handle = try newHandle("CUDAGraph") { ctorch_graph_new(pool?.handle, &$0, &$1) }
    try checked("CUDAGraph.begin") { ctorch_graph_begin(handle, &$0) }
    do {
      try body()
    } catch {
      // The stream must leave the recording; what was recorded is of no use.
      try? checked("CUDAGraph.end") { ctorch_graph_end(handle, &$0) }
      throw error
    }
    try checked("CUDAGraph.end") { ctorch_graph_end(handle, &$0) }
  }

  deinit { ctorch_graph_free(handle) }

  /// Queues what was recorded on the current stream.
  ///
  /// - Throws: `TorchError` when the device fails.
  public func replay() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAGraph.replay") { ctorch_graph_replay(handle, &$0) }
    }
  }

  /// Kernels, copies and fills of one replay.
  ///
  /// - Throws: `TorchError` when the device fails.
  public func nodeCount() throws(TorchError) -> Int {
    var count = 0
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAGraph.nodeCount") { ctorch_graph_node_count(handle, &count, &$0) }
    }
    return count
  }
}
