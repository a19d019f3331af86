import DPO
import Foundation
import Torch

/// What a run tells while it goes on. Called on the training thread, between steps.
public protocol TrainingObserver: AnyObject {
  /// A step is done.
  func trainer(_ trainer: Trainer, didStep report: StepReport) throws
  /// A logging interval is full, or the run is over.
  func trainer(_ trainer: Trainer, didFinish interval: IntervalReport) throws
  /// Asked after `didFinish`: whether the run is to end here, before its last step. All ranks are asked with the same
  /// numbers, and must answer the same.
  func endsRun(_ trainer: Trainer, after interval: IntervalReport) throws -> Bool
  /// It is time to evaluate; all ranks are told so at the same step.
  ///
  /// - Returns: whether the run is to end here, before its last step; the same on all ranks
  func evaluate(_ trainer: Trainer) throws -> Bool
  /// It is time to save a checkpoint; all ranks are told so at the same step. Training stands still meanwhile.
  func save(_ trainer: Trainer, interval: IntervalReport) throws
}

extension TrainingObserver {
  /// A run goes on.
  public func endsRun(_ trainer: Trainer, after interval: IntervalReport) -> Bool { false }
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
    do {
      return try takeSteps(&interval, until: stop, requests, observer)
    } catch let error as TrainingError {
      // All ranks come here together. The weights are those of the last step that was taken, unless they are to blame.
      if case .notFinite(let step, _, _) = error, step.leavesWeightsSound {
        isStopping = true
        try self.save(interval, observer)
      }
      throw error
    }
  }

  private func takeSteps(
    _ interval: inout IntervalReport, until stop: StopRequest, _ requests: StepRequests,
    _ observer: some TrainingObserver
  ) throws -> String? {
    while completedSteps < plan.totalSteps {
      var drifted = false
      if let report = try advance(requests) {
        drifted = try take(report, into: &interval, observer)
      }
      let isLast = completedSteps == plan.totalSteps
      let evaluates = !isLast && isDue(options.evaluationSteps)
      // Ranks stop together, after a step in which they agreed to; a process alone just stops.
      let stops = !isLast && (ranks == nil ? stop.requestedBy != nil : stopAgreed)
      var saves = stops || drifted || saveAgreed || isDue(options.saveSteps)
      (isStopping, saveAgreed) = (stops, false)
      if isLast || evaluates || saves, let report = try finish() {
        drifted = try take(report, into: &interval, observer) || drifted
      }
      if drifted { saves = true }

      var endsEarly = false
      if evaluates {
        activity.set(.evaluating)
        endsEarly = try observer.evaluate(self)
        if endsEarly, interval.steps > 0 { try record(&interval, observer) }
      }
      if saves {
        let started = ContinuousClock.now
        try save(interval, observer)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        interval.saving += seconds
        savingSeconds += seconds
      }
      if stops { return stop.requestedBy ?? "another rank" }
      if endsEarly || drifted { return nil }
    }
    return nil
  }

  private func save(_ interval: IntervalReport, _ observer: some TrainingObserver) throws {
    activity.set(.saving)
    try observer.save(self, interval: interval)
    // The first rank writes. The others wait for it here, so that it does not look like a wait for its gradients.
    try ranks?.control.barrier()
  }

  /// - Returns: whether the run is to end here
  private func take(
    _ report: StepReport, into interval: inout IntervalReport, _ observer: some TrainingObserver
  ) throws -> Bool {
    interval.add(report)
    try observer.trainer(self, didStep: report)
    let isFirst = options.recordsFirstStep && report.step == 1
    let isLast = report.step == plan.totalSteps
    guard isFirst || isLast || report.step % options.loggingSteps == 0 else { return false }
    let full = try record(&interval, observer)
    return try !isLast && observer.endsRun(self, after: full)
  }

  /// - Returns: the interval, with what each rank did in it
  @discardableResult
  private func record(_ interval: inout IntervalReport, _ observer: some TrainingObserver) throws -> IntervalReport {
    interval.ranks = try shares(of: interval)
    try observer.trainer(self, didFinish: interval)
    defer { interval = IntervalReport() }
    return interval
  }

  /// What each rank did in the interval.
  private func shares(of interval: IntervalReport) throws(TorchError) -> [RankWork] {
    guard let ranks else { return [interval.own] }
    return try ranks.control.gather(interval.own.numbers).map(RankWork.init(numbers:))
  }

  private func isDue(_ every: Int?) -> Bool { every.map { completedSteps % $0 == 0 } ?? false }
}
