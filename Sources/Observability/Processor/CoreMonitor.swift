import Foundation
import Synchronization

/// Watches, on a thread of its own, whether other programs use the cores of this process.
public final class CoreMonitor: Sendable {
  /// What the thread and its owner share.
  private final class Log: Sendable {
    let isStopped = Mutex(false)
  }
  private let log = Log()

  /// What a series of looks comes to.
  package struct Judgement: Sendable {
    /// Whether others are using the cores now.
    package private(set) var isShared = false
    private var quietLooks = 0
    private var sharesWhileShared: [Double] = []
    private var hasReported = false

    package init() {}

    /// What follows from one look.
    package enum Event: Equatable {
      /// Others began to use the cores, or left them.
      case changed(isShared: Bool)
      /// Others have used them for a while, this share of the time; said once.
      case lasting(share: Double)
    }

    /// Begins at a tenth, since every system has something to do now and then; ends only after ten quiet looks, since
    /// programs come and go.
    package mutating func look(_ share: Double) -> [Event] {
      var events: [Event] = []
      quietLooks = share < 0.03 ? quietLooks + 1 : 0
      if !isShared, share > 0.1 {
        isShared = true
        events.append(.changed(isShared: true))
      } else if isShared, quietLooks >= 10 {
        (isShared, sharesWhileShared) = (false, [])
        events.append(.changed(isShared: false))
      }
      if isShared, !hasReported {
        sharesWhileShared.append(share)
        let mean = sharesWhileShared.reduce(0, +) / Double(sharesWhileShared.count)
        if sharesWhileShared.count >= 20, mean > 0.1 {
          hasReported = true
          events.append(.lasting(share: mean))
        }
      }
      return events
    }
  }

  /// Begins to watch; nil where the system does not say how long threads wait for a core.
  ///
  /// - Parameters:
  ///   - interval: between two looks
  ///   - changed: called, on the monitor's thread, when others begin to use the cores, and when they have left them
  ///   - lasting: called once, when others have used them for twenty looks: the share of the time that they took
  public init?(
    every interval: Duration = .milliseconds(500), changed: @escaping @Sendable (Bool) -> Void,
    lasting: @escaping @Sendable (Double) -> Void
  ) {
    guard let start = ThreadTimes.current() else { return nil }
    let (log, cores) = (log, ProcessInfo.processInfo.activeProcessorCount)
    Thread.detachNewThread {
      var (before, time) = (start, ContinuousClock.now)
      var judgement = Judgement()
      while true {
        Thread.sleep(forTimeInterval: interval / .seconds(1))
        guard !log.isStopped.withLock({ $0 }), let now = ThreadTimes.current() else { return }
        let seconds = (ContinuousClock.now - time) / .seconds(1)
        for event in judgement.look(now.shareTaken(since: before, seconds: seconds, cores: cores)) {
          switch event {
          case .changed(let isShared): changed(isShared)
          case .lasting(let share): lasting(share)
          }
        }
        (before, time) = (now, .now)
      }
    }
  }

  deinit { log.isStopped.withLock { $0 = true } }
}
