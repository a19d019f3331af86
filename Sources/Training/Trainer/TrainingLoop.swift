import DPO
import Foundation
import Torch

/// What a run tells while it goes on. Called on the training thread, between steps.
public protocol TrainingObserver: AnyObject {
  /// A step is done.
  func trainer(_ trainer: Trainer, didStep report: StepReport) throws
  /// A logging interval is full, or the run is over.
  func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) throws
  /// It is time to evaluate; all ranks are told so at the same step.
  ///
  /// - Returns: whether the run is to end here, before its last step; the same on all ranks
  func evaluate(_ trainer: Trainer) throws -> Bool
  /// It is time to save a checkpoint; all ranks are told so at the same step. Training stands still meanwhile.
  func save(_ trainer: Trainer, interval: IntervalReport) throws
}

extension Trainer {
  /// Takes the remaining steps, or fewer where the observer ends the run at an evaluation.
  ///
  /// - Parameters:
  ///   - interval: what a resumed run had gathered since its last record
  ///   - stop: looked at after every step; a stopped run saves a checkpoint first
  ///   - save: looked at after every step: a checkpoint is saved, and the run goes on
  ///   - observer: told of everything
  /// - Returns: what stopped the run before its end, or nil
  /// - Throws: what `step()` or the observer throws.
  public func run(
    resuming interval: IntervalReport = IntervalReport(), until stop: StopRequest,
    savingOn save: SaveRequest = SaveRequest(), observer: some TrainingObserver
  ) throws -> String? {
    var interval = interval
    let requests = StepRequests(stop: { stop.requestedBy != nil }, save: save.take)

    while completedSteps < plan.totalSteps {
      if let report = try advance(requests) {
        try take(report, into: &interval, observer)
      }
      let isLast = completedSteps == plan.totalSteps
      let evaluates = !isLast && isDue(options.evaluationSteps)
      // Ranks stop together, after a step in which they agreed to; a process alone just stops.
      let stops = !isLast && (ranks == nil ? stop.requestedBy != nil : stopAgreed)
      let saves = stops || saveAgreed || isDue(options.saveSteps)
      (isStopping, saveAgreed) = (stops, false)
      if isLast || evaluates || saves, let report = try finish() { try take(report, into: &interval, observer) }

      var endsEarly = false
      if evaluates {
        activity.set(.evaluating)
        endsEarly = try observer.evaluate(self)
        if endsEarly, interval.steps > 0 { try record(&interval, observer) }
      }
      if saves {
        activity.set(.saving)
        let started = ContinuousClock.now
        try observer.save(self, interval: interval)
        // The first rank writes. The others wait for it here, so that it does not look like a wait for its gradients.
        try ranks?.control.barrier()
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        interval.saving += seconds
        savingSeconds += seconds
      }
      if stops { return stop.requestedBy ?? "another rank" }
      if endsEarly { return nil }
    }
    return nil
  }

  private func take(
    _ report: StepReport, into interval: inout IntervalReport, _ observer: some TrainingObserver
  ) throws {
    interval.add(report)
    try observer.trainer(self, didStep: report)
    let isFirst = options.recordsFirstStep && report.step == 1
    guard isFirst || report.step == plan.totalSteps || report.step % options.loggingSteps == 0 else { return }
    try record(&interval, observer)
  }

  private func record(_ interval: inout IntervalReport, _ observer: some TrainingObserver) throws {
    interval.ranks = try shares(of: interval)
    try observer.trainer(self, didFinish: interval)
    interval = IntervalReport()
  }

  /// What each rank did in the interval.
  private func shares(of interval: IntervalReport) throws(TorchError) -> [RankWork] {
    guard let ranks else { return [interval.own] }
    return try ranks.control.gather(interval.own.numbers).map(RankWork.init(numbers:))
  }

  private func isDue(_ every: Int?) -> Bool { every.map { completedSteps % $0 == 0 } ?? false }
}
