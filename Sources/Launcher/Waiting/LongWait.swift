import Dispatch
import Foundation
import Synchronization

/// Reports a call that blocks for long, so that a silent process never has to be guessed at.
///
/// A thread of its own counts the time, since the call itself may hang in the system: a name server that does not answer,
/// a connection that the network swallowed.
package enum LongWait {
  /// Waits up to this long need no report.
  package static let patience = Duration.seconds(4)
  /// Reports of one wait are at most this far apart: of a wait of half an hour there are nine.
  fileprivate static let longestPause = Duration.seconds(600)

  /// Calls `body`, and `report` while it takes long: after 4 s, then at growing intervals.
  ///
  /// - Parameters:
  ///   - first: seconds before the first report
  ///   - report: told from another thread how many seconds the call has taken so far
  ///   - body: the call that may block
  package static func reported<Result, Failure: Error>(
    after first: Duration = patience, _ report: @escaping @Sendable (_ seconds: Int) -> Void,
    during body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let wait = Wait()
    Thread.detachNewThread {
      let started = ContinuousClock.now
      var pause = first
      while !wait.ends(within: pause) {
        wait.unlessEnded { report(Int((ContinuousClock.now - started) / .seconds(1))) }
        pause = min(pause * 2, longestPause)
      }
    }
    defer { wait.end() }
    return try body()
  }

  /// Whether a call has ended.
  private final class Wait: Sendable {
    private let hasEnded = Mutex(false)
    private let signal = DispatchSemaphore(value: 0)

    func ends(within pause: Duration) -> Bool {
      signal.wait(timeout: .now() + .milliseconds(Int(pause.milliseconds))) == .success
    }

    /// Nothing is reported of a wait that is over.
    func unlessEnded(_ body: () -> Void) { hasEnded.withLock { if !$0 { body() } } }

    func end() {
      hasEnded.withLock { $0 = true }
      signal.signal()
    }
  }
}

/// When a wait is due to be reported, for code that looks at it again and again.
package struct WaitClock {
  private let started = ContinuousClock.now
  private var next: ContinuousClock.Instant
  private var pause = LongWait.patience

  /// A wait that begins now.
  package init() { next = started + LongWait.patience }

  /// The seconds waited so far, where they are to be reported now.
  package mutating func due(now: ContinuousClock.Instant = .now) -> Int? {
    guard now >= next else { return nil }
    pause = min(pause * 2, LongWait.longestPause)
    next = now + pause
    return Int((now - started) / .seconds(1))
  }
}
