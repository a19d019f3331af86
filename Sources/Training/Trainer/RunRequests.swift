import Synchronization

/// A request from outside, for instance of a signal handler, that a run end after the current step.
public final class StopRequest: Sendable {
  private let reason = Mutex<String?>(nil)

  /// Nothing is requested yet.
  public init() {}

  /// What asked for the stop, or nil.
  public var requestedBy: String? { reason.withLock { $0 } }

  /// Requests the stop; the first request is remembered.
  public func request(by name: String) {
    reason.withLock { $0 = $0 ?? name }
  }
}

/// A request from outside that a run save a checkpoint after the current step, and go on.
public final class SaveRequest: Sendable {
  private let isPending = Mutex(false)

  /// Nothing is requested yet.
  public init() {}

  /// Requests a checkpoint.
  public func request() { isPending.withLock { $0 = true } }

  /// Whether there is a request; asking takes it.
  func take() -> Bool {
    isPending.withLock { pending in
      defer { pending = false }
      return pending
    }
  }
}

/// What a step asks this process before the ranks agree on it.
public struct StepRequests {
  /// Whether it was asked to stop.
  var stop: () -> Bool = { false }
  /// Whether it was asked to save a checkpoint.
  var save: () -> Bool = { false }

  /// Nothing is asked for.
  public init() {}

  init(stop: @escaping () -> Bool, save: @escaping () -> Bool = { false }) { (self.stop, self.save) = (stop, save) }
}
