import CTorch

/// GPU memory for the intermediate results of graphs and other work that run one after another on one stream and share the
/// same bytes.
///
/// Tensors from the pool must not be kept after the body that creates them: a replayed graph overwrites them.
public final class CUDAMemoryPool {
  fileprivate let handle: ctorch_pool

  /// A pool without any memory yet.
  ///
  /// - Throws: `TorchError` where there is no such device.
  public init(device index: Int) throws(TorchError) {
    handle = try newHandle("CUDAMemoryPool") { ctorch_pool_new(Int32(clamping: index), &$0, &$1) }
  }

  deinit { ctorch_pool_free(handle) }

  /// Allocates memory for the work that a body queues on the current stream from the pool.
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

/// GPU work that is captured once and then replayed as a whole on the same memory: otherwise the many kernels of a small
/// model wait for the host to launch them.
public final class CUDAGraph {
  private let handle: ctorch_graph

  /// Captures the work that the body queues on the current stream, which must not be the default one. It does not run yet.
  ///
  /// - Parameters:
  ///   - pool: memory for intermediate results; a new one if nil
  ///   - body: must not wait for the device, and allocates nothing that is freed outside
  /// - Throws: `TorchError` when the body queues work that cannot be captured; what the body throws.
  public init(in pool: CUDAMemoryPool? = nil, _ body: () throws -> Void) throws {
    handle = try newHandle("CUDAGraph") { ctorch_graph_new(pool?.handle, &$0, &$1) }
    try checked("CUDAGraph.begin") { ctorch_graph_begin(handle, &$0) }
    do {
      try body()
    } catch {
      // Ends the capture; the incomplete graph is discarded.
      try? checked("CUDAGraph.end") { ctorch_graph_end(handle, &$0) }
      throw error
    }
    try checked("CUDAGraph.end") { ctorch_graph_end(handle, &$0) }
  }

  deinit { ctorch_graph_free(handle) }

  /// Queues the captured work on the current stream.
  ///
  /// - Throws: `TorchError` when the device fails.
  public func replay() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAGraph.replay") { ctorch_graph_replay(handle, &$0) }
    }
  }

  /// The number of kernels, copies and fills in one replay.
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
