import CLauncher
import Foundation

/// Signals for the launcher, one at a time, as a descriptor to wait for together with all others.
public final class SignalInbox: Sendable {
  private let reading: Int32
  private let writing: Int32

  /// An inbox of its own; no signal of the process comes here yet.
  public init() {
    var ends: [Int32] = [-1, -1]
    // Without a pipe no signal arrives; the process then has greater problems.
    if claunch_pipe(&ends) != 0 { ends = [-1, -1] }
    (reading, writing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// Adds a signal, as if the process had received it.
  public func post(_ signal: Int32) {
    var byte = UInt8(truncatingIfNeeded: signal)
    _ = write(writing, &byte, 1)
  }

  /// From now on these signals of the process come here, until ``release(_:)``.
  func receive(_ signals: [Int32]) { claunch_catch_signals(signals, Int32(signals.count), writing) }

  func release(_ signals: [Int32]) { claunch_release_signals(signals, Int32(signals.count)) }

  var descriptor: Int32 { reading }

  /// The next signal; nil when there is none now.
  func next() -> Int32? {
    var byte: UInt8 = 0
    return read(reading, &byte, 1) == 1 ? Int32(byte) : nil
  }
}
