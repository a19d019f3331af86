import DPO
import Foundation
import Synchronization
import Torch

/// What a run tells while it goes on. Called on the training thread, between steps.
public protocol TrainingObserver: AnyObject {
  /// A step is done.
  func trainer(_ trainer: Trainer, didStep report: StepReport) throws
  /// A logging interval is full, or the run is over.
  func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) throws
  /// It is time to evaluate.
  func evaluate(_ trainer: Trainer) throws
  /// It is time to save a checkpoint.
  func save(_ trainer: Trainer, interval: IntervalReport) throws
}

/// What happened since the last record.
public struct IntervalReport: Sendable, Codable {
  /// The last step of it.
  public var step = 0
  /// Its number of steps.
  public var steps = 0
  /// Passes over the pairs behind, in parts of one.
  public var epoch = 0.0
  /// Sums over its pairs.
  public var metrics = PreferenceMetrics()
  /// The gradient norm of its last step, before clipping.
  public var gradientNorm = 0.0
  /// The learning rate of its last step.
  public var learningRate = 0.0
  /// Seconds spent in its steps.
  public var seconds = 0.0
  /// Seconds of these spent waiting for batches.
  public var dataWait = 0.0

  /// An empty interval.
  public init() {}

  mutating func add(_ report: StepReport) {
    step = report.step
    steps += 1
    epoch = report.epoch
    metrics += report.metrics
    gradientNorm = report.gradientNorm
    learningRate = report.learningRate
    seconds += report.duration / .seconds(1)
    dataWait += report.dataWait / .seconds(1)
  }
}

/// A wish from outside, for instance of a signal handler, that a run end after the step it is in.
public final class StopRequest: Sendable {
  private let reason = Mutex<String?>(nil)

  /// No wish yet.
  public init() {}

  /// What asked for the stop, or nil.
  public var requestedBy: String? { reason.withLock { $0 } }

  /// Asks; the first to ask is remembered.
  public func request(by name: String) {
    reason.withLock { $0 = $0 ?? name }
  }
}

extension Trainer {
  /// Takes the remaining steps.
  ///
  /// - Parameters:
  ///   - interval: what a resumed run had gathered since its last record
  ///   - stop: looked at after every step; a stopped run saves a checkpoint first
  ///   - observer: told of everything
  /// - Returns: what stopped the run before its end, or nil
  /// - Throws: what `step()` or the observer throws.
  public func run(
    resuming interval: IntervalReport = IntervalReport(), until stop: StopRequest, observer: some TrainingObserver
  ) throws -> String? {
    var interval = interval
    while completedSteps < plan.totalSteps {
      let report = try step()
      interval.add(report)
      try observer.trainer(self, didStep: report)

      let isLast = completedSteps == plan.totalSteps
      if isLast || completedSteps % options.loggingSteps == 0 {
        try observer.trainer(self, didFinish: interval)
        interval = IntervalReport()
      }
      if !isLast, let every = options.evaluationSteps, completedSteps % every == 0 { try observer.evaluate(self) }

      let stopped = isLast ? nil : stop.requestedBy
      if stopped != nil || isDue(options.saveSteps) { try observer.save(self, interval: interval) }
      if let stopped { return stopped }
    }
    return nil
  }

  private func isDue(_ every: Int?) -> Bool { every.map { completedSteps % $0 == 0 } ?? false }
}
