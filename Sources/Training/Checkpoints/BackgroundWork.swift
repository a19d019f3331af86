import Dispatch
import Synchronization

/// Work on another thread whose result is waited for later.
public final class BackgroundWork<Outcome: Sendable>: Sendable {
  private let outcome = Mutex<Outcome?>(nil)
  private let group = DispatchGroup()

  /// Begins.
  public init(named name: String, _ body: @escaping @Sendable () -> Outcome) {
    DispatchQueue(label: name).async(group: group) { [self] in
      let result = body()
      outcome.withLock { $0 = result }
    }
  }

  /// Waits until the work is done.
  public func wait() -> Outcome {
    group.wait()
    guard let result = outcome.withLock({ $0 }) else { preconditionFailure("work that is done has a result") }
    return result
  }
}
