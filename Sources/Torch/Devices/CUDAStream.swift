import CTorch

/// A queue of work on a GPU. What is queued on one stream runs in order; work of several streams may run at once.
public final class CUDAStream {
  private let handle: ctorch_stream

  /// A stream of a device, other than its default one, which cannot be recorded into graphs.
  ///
  /// - Throws: `TorchError` where there is no such device.
  public init(device index: Int) throws(TorchError) {
    handle = try newHandle("CUDAStream") { ctorch_stream_new(Int32(clamping: index), &$0, &$1) }
  }

  deinit { ctorch_stream_free(handle) }

  /// Makes this the stream, and its device the device, that the calling thread queues work on from now on.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func use() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAStream.use") { ctorch_stream_use(handle, &$0) }
    }
  }

  /// Waits until everything that is queued has run.
  ///
  /// - Throws: `TorchError` when some of it has failed.
  public func synchronize() throws(TorchError) {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try checked("CUDAStream.synchronize") { ctorch_stream_synchronize(handle, &$0) }
    }
  }
}

/// A mark in a stream, behind all that was queued on the calling thread's current stream when it was made.
public final class CUDAEvent {
  private let handle: ctorch_event

  /// A mark behind what is queued by now.
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

  /// Lets what is queued on the current stream from now on wait for the mark; the host goes on.
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
