import Synchronization

/// What a process is doing right now, for those who wonder why it does not answer.
public final class Activity: Sendable {
  /// A part of the work.
  public enum Phase: String, Sendable, Codable {
    /// Before the first step.
    case starting
    /// Reading and tokenizing the data.
    case preparingData = "preparing data"
    /// Computing the reference's log-probabilities ahead of training.
    case reference
    /// Waiting for the next batch.
    case waitingForData = "waiting for data"
    /// Forward and backward passes.
    case computing
    /// Waiting for the gradients of all ranks.
    case exchangingGradients = "exchanging gradients"
    /// The optimizer's update.
    case updating
    /// Measuring held-out pairs.
    case evaluating
    /// Writing a checkpoint or the model.
    case saving
    /// Behind the last step.
    case finishing
  }

  private let state = Mutex<(phase: Phase, step: Int)>((.starting, 0))

  /// At the start.
  public init() {}

  /// The part of the work, and the step it belongs to.
  public var current: (phase: Phase, step: Int) { state.withLock { $0 } }

  /// Says what begins now.
  public func set(_ phase: Phase, step: Int? = nil) {
    state.withLock { $0 = (phase, step ?? $0.step) }
  }
}
