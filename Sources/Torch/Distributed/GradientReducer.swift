import CTorch

/// Sums gradients over the ranks of a group while the backward pass still runs.
///
/// The flat gradient buffer is divided into buckets. During an armed backward pass a bucket is sent as soon as its
/// gradients, and those of the buckets before it, are complete (Li et al., 2020, "PyTorch Distributed", arXiv:2006.15704, section 3.2).
public final class GradientReducer {
  /// An exchange that is done or, on a GPU, queued.
  public final class Exchange {
    private let handle: ctorch_exchange

    fileprivate init(_ handle: ctorch_exchange) { self.handle = handle }

    deinit { ctorch_exchange_free(handle) }

    /// How long it took. On a GPU, this waits for its end.
    ///
    /// - Throws: `TorchError` when the device has failed.
    public func times() throws(TorchError) -> Times {
      var times = ctorch_exchange_times()
      try withExtendedLifetime(self) { () throws(TorchError) in
        try checked("Exchange.times") { ctorch_exchange_get_times(handle, &times, &$0) }
      }
      return Times(exposed: times.exposed, total: times.total)
    }
  }

  /// How long an exchange took, in seconds.
  public struct Times: Sendable {
    /// From the end of the backward pass to the end of the last bucket.
    public var exposed: Double
    /// From the start of the first bucket to the end of the last.
    public var total: Double
  }

  /// The slices of the buffer, in elements, in the order in which they are sent: the last parameters first,
  /// because their gradients are complete first.
  public let buckets: [Range<Int>]
  /// The slices whose sums this rank receives: all or, with shards, its part of each bucket and the few elements that cannot
  /// be divided.
  public let received: [Range<Int>]
  private let handle: ctorch_reducer
  private let group: ProcessGroup

  /// - Parameters:
  ///   - gradients: the buffer whose views are the variables' gradients
  ///   - variables: in the order of the buffer
  ///   - bucketBytes: a bucket takes parameters until it has this size
  ///   - shards: whether a rank receives only the sums of its part of each bucket
  /// - Throws: `TorchError` when the buffer does not match the variables.
  public init(
    _ group: ProcessGroup, gradients: FlatBuffer, variables: [Tensor], bucketBytes: Int = 25 << 20, shards: Bool
  ) throws(TorchError) {
    let parts = shards ? group.size : 1
    let (buckets, homes) = gradients.buckets(ofBytes: bucketBytes, dividedBy: parts)
    self.buckets = buckets
    self.group = group
    received = buckets.map { bucket in
      guard bucket.count.isMultiple(of: parts) else { return bucket }
      let part = bucket.count / parts
      return parts == 1 ? bucket : bucket.lowerBound + part * group.rank..<bucket.lowerBound + part * (group.rank + 1)
    }
    let slices = buckets.map {
      ctorch_bucket(
        offset: Int64($0.lowerBound), count: Int64($0.count), shards: shards && $0.count.isMultiple(of: parts))
    }
    let reached = homes.map { ctorch_bucket_range(first: $0.lowerBound, last: $0.upperBound) }
    handle = try withHandles(variables) { variables, count throws(TorchError) in
      try withExtendedLifetime((group, gradients)) { () throws(TorchError) in
        try newHandle("GradientReducer") {
          ctorch_reducer_new(
            group.handle, gradients.storage.handle, slices, slices.count, variables, reached, count,
            Int32(group.rank), Int32(group.size), &$0, &$1)
        }
      }
    }
  }

  deinit { ctorch_reducer_free(handle) }

  /// Makes the next backward pass, the last one of the step, send the gradients.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func arm() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("GradientReducer.arm") { ctorch_reducer_arm(handle, &$0) }
    }
  }

  /// Runs a backward pass that is being captured in a CUDA graph, and marks in it where each bucket is complete.
  ///
  /// - Throws: what the body throws; `TorchError`.
  public func marking(_ body: () throws -> Void) throws {
    try withExtendedLifetime(self) {
      try checked("GradientReducer.marking") { ctorch_reducer_mark(handle, &$0) }
      do {
        try body()
      } catch {
        // The capture has already failed.
        try? checked("GradientReducer.marking") { ctorch_reducer_marked(handle, &$0) }
        throw error
      }
      try checked("GradientReducer.marking") { ctorch_reducer_marked(handle, &$0) }
    }
  }

  /// Sends all buckets after the replay of a marked backward pass, the last one of the step, has been queued: each is sent
  /// when the device reaches its mark. On the CPU the pass is already done, and they are sent immediately.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func sendMarked() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("GradientReducer.sendMarked") { ctorch_reducer_send_marked(handle, &$0) }
    }
  }

  /// Sends the buckets that the backward pass did not reach, and waits for all; on a GPU the current stream waits, not the
  /// host.
  ///
  /// - Throws: `TorchError` of kind `communication` or `timeout` when another process fails.
  public func finish() throws(TorchError) -> Exchange {
    try withExtendedLifetime(self) { () throws(TorchError) in
      Exchange(try newHandle("GradientReducer.finish") { ctorch_reducer_finish(handle, &$0, &$1) })
    }
  }
}
