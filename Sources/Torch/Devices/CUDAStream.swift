import CTorch

/// A queue of work on a GPU. Work on one stream runs in order; work on several streams may run concurrently.
public final class CUDAStream {
  private let handle: ctorch_stream

  /// A stream of a device, other than its default one, on which graphs cannot be captured.
  ///
  /// - Throws: `TorchError` where there is no such device.
  public init(device index: Int) throws(TorchError) {
    handle = try newHandle("CUDAStream") { ctorch_stream_new(Int32(clamping: index), &$0, &$1) }
  }

  deinit { ctorch_stream_free(handle) }

  /// Makes this the calling thread's current stream, and its device the current device.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func use() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAStream.use") { ctorch_stream_use(handle, &$0) }
    }
  }

  /// Waits until all queued work has run.
  ///
  /// - Throws: `TorchError` when some of it has failed.
  public func synchronize() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAStream.synchronize") { ctorch_stream_synchronize(handle, &$0) }
    }
  }
}

/// A mark in the calling thread's current stream, after all work that was queued on it before.
public final class CUDAEvent {
  private let handle: ctorch_event

  /// A mark after all work that is queued now.
  ///
  /// - Throws: `TorchError` without CUDA.
  public init() throws(TorchError) {
    handle = try newHandle("CUDAEvent") { ctorch_event_record(&$0, &$1) }
  }

  deinit { ctorch_event_free(handle) }

  /// Waits until the mark is reached.
  ///
  /// - Throws: `TorchError` when work before it has failed.
  public func synchronize() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAEvent.synchronize") { ctorch_event_synchronize(handle, &$0) }
    }
  }

  /// Makes further work on the current stream wait for the mark; the host goes on.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func block() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAEvent.block") { ctorch_event_block(handle, &$0) }
    }
  }

  /// Seconds from an earlier mark to this one, both reached.
  ///
  /// - Throws: `TorchError` when one is not reached yet.
  public func seconds(since earlier: CUDAEvent) throws(TorchError) -> Double {
    var milliseconds = 0.0
    try withExtendedLifetime((self, earlier)) { () throws(TorchError) in
      try checked("CUDAEvent.seconds") { ctorch_event_milliseconds(earlier.handle, handle, &milliseconds, &$0) }
    }
    return milliseconds / 1000
  }
}
