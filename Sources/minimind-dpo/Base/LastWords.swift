import Dispatch
import Foundation
import Synchronization

/// What is written down before the process ends from a thread beside the one that works, which may never come back.
enum LastWords {
  /// The time that it may take: whoever waits for the process shall not wait for long.
  private static let patience = DispatchTimeInterval.seconds(2)
  private static let state = Mutex<(@Sendable (_ reason: String) -> Void)?>(nil)

  /// Says what is to be done; nil for nothing any more.
  static func set(_ action: (@Sendable (_ reason: String) -> Void)?) { state.withLock { $0 = action } }

  /// Does it, once, and comes back in time in any case.
  static func say(_ reason: String) {
    let action = state.withLock { state in
      defer { state = nil }
      return state
    }
    guard let action else { return }
    let isDone = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      action(reason)
      isDone.signal()
    }
    _ = isDone.wait(timeout: .now() + patience)
  }
}
