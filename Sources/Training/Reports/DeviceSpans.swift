import Torch

/// When a GPU was at work on a step, by its own clock: the host only queues.
struct DeviceSpans {
  private var spans: [(begin: CUDAEvent, end: CUDAEvent)] = []

  /// The end of what was queued last.
  var end: CUDAEvent? { spans.last?.end }

  /// Times what a body queues; on the CPU does nothing else than the body does.
  mutating func time<Result>(on device: Device, _ body: () throws -> Result) throws -> Result {
    guard device != .cpu else { return try body() }
    let begin = try CUDAEvent()
    let result = try body()
    spans.append((begin, try CUDAEvent()))
    return result
  }

  /// How long the device worked, and how long the step took it; to be asked when it is done.
  ///
  /// - Parameter previous: the end of the step before, from which the time until this one's beginning counts
  /// - Returns: nil where nothing was timed
  func times(since previous: CUDAEvent?) throws(TorchError) -> DeviceTimes? {
    guard let first = spans.first, let last = spans.last else { return nil }
    var busy = 0.0
    for (begin, end) in spans { busy += try end.seconds(since: begin) }
    return DeviceTimes(busy: busy, elapsed: try last.end.seconds(since: previous ?? first.begin))
  }
}

/// How a GPU spent a step.
public struct DeviceTimes: Sendable, Hashable {
  /// Seconds of passes, exchanges and updates, including pauses between the kernels of one of them.
  public let busy: Double
  /// Seconds from the end of the step before to the end of this one.
  public let elapsed: Double
}
