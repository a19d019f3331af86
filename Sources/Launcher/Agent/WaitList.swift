import Foundation

/// Descriptors to wait for.
struct WaitList {
  private var descriptors: [pollfd] = []

  mutating func add(_ descriptor: Int32?, writing: Bool = false) {
    guard let descriptor, descriptor >= 0 else { return }
    descriptors.append(pollfd(fd: descriptor, events: Int16(writing ? POLLOUT : POLLIN), revents: 0))
  }

  /// Waits until one of them is ready, or the time is over.
  mutating func wait(atMost limit: Duration) {
    _ = poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: max(0, limit.milliseconds)))
  }
}
