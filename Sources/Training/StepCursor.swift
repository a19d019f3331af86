import Synchronization

/// Counts through the steps that remain to be prepared.
final class StepCursor: Sendable {
  private let next: Mutex<Int>
  private let last: Int

  init(next: Int, last: Int) {
    self.next = Mutex(next)
    self.last = last
  }

  /// The next step, or nil after the last.
  func advance() -> Int? {
    next.withLock { next in
      guard next <= last else { return nil }
      defer { next += 1 }
      return next
    }
  }
}
