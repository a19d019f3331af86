import Files
import Foundation
import Launcher
import Logging
import Training

/// The checkpoints of a run: the one that it goes on from, and those that it writes.
struct RunCheckpoints {
  private let output: TrainingRequest.Output
  private let environment: WorkerEnvironment
  private let logger = Logger(label: "train")

  init(_ output: TrainingRequest.Output, _ environment: WorkerEnvironment) {
    (self.output, self.environment) = (output, environment)
  }

  /// What becomes of a run that is in the folder already.
  var existing: RunFolder.Existing {
    if continuesJob { return .resume }
    if output.checkpoint != nil { return .resume }
    return output.replacesRun ? .overwrite : .refuse
  }

  /// Whether earlier workers of this job began the run in the folder: restarted workers resume it.
  private var continuesJob: Bool {
    environment.restartCount > 0 && RunEnvironment.job(of: output.location) == environment.jobName
  }

  /// Puts a trainer where the run in the folder stands; called by all ranks.
  ///
  /// - Parameters:
  ///   - folder: nil on all ranks but the first
  ///   - identity: what must be the same in a run that continues
  /// - Returns: what had been gathered since the last record, and the checkpoint; no checkpoint for a new run, nor on other
  ///   ranks than the first
  func restore(
    _ trainer: Trainer, in folder: RunFolder?, identity: [String: String], _ job: Job
  ) throws -> (interval: IntervalReport, checkpoint: URL?) {
    let checkpoint = try folder.flatMap(checkpoint(in:))
    let isThere = checkpoint != nil
    guard try job.communicator?.fromFirst("\(isThere)", about: "resume") ?? "\(isThere)" == "true" else {
      return (IntervalReport(), nil)
    }
    let interval = try RunCheckpoint.restore(trainer, from: checkpoint, identity: identity)
    if let checkpoint { logger.info("resuming after step \(trainer.completedSteps) from \(checkpoint.path)") }
    return (interval, checkpoint)
  }

  /// The checkpoint to go on from; nil for a new run.
  private func checkpoint(in folder: RunFolder) throws -> URL? {
    func newest() throws -> URL { try RunCheckpoint.newest(in: folder) { logger.warning("\($0)") } }
    if continuesJob {
      // Workers that died before their first checkpoint start over.
      if !folder.checkpoints.isEmpty { return try newest() }
      if output.checkpoint == "auto" { return nil }
    }
    return try output.checkpoint.map {
      try $0 == "auto" ? newest() : URL(fileURLWithPath: $0, isDirectory: true)
    }
  }

  /// Writes a checkpoint; called by all ranks. A full disk must not end a run whose older checkpoint is whole.
  ///
  /// - Parameters:
  ///   - notes: further files for whoever resumes the run
  ///   - best: the step of the checkpoint that is never removed
  ///   - folder: nil on all ranks but the first
  /// - Returns: whether the checkpoint is there
  @discardableResult
  func save(
    _ trainer: Trainer, interval: IntervalReport, identity: [String: String], tokenizer: URL,
    notes: [String: Data] = [:], best: Int? = nil, in folder: RunFolder?
  ) throws -> Bool {
    guard let folder else {
      // Only its part of the optimizer's state is asked for.
      try RunCheckpoint.write(
        trainer, interval: interval, tokenizer: tokenizer, identity: identity, to: output.location)
      return false
    }
    let checkpoint = folder.checkpoint(step: trainer.completedSteps)
    do {
      try RunCheckpoint.write(
        trainer, interval: interval, tokenizer: tokenizer, identity: identity, notes: notes, to: checkpoint)
      logger.info("saved \(checkpoint.path)")
      if let limit = output.checkpointLimit { folder.removeOldCheckpoints(keeping: limit, best: best) }
      return true
    } catch let error as FileError where error.isWriteFailure && !folder.checkpoints.isEmpty {
      logger.warning("no checkpoint at step \(trainer.completedSteps): \(error). Older checkpoints are as they were.")
      return false
    }
  }
}

extension TrainingRequest.Output {
  /// The folder of the run.
  var location: URL { URL(fileURLWithPath: folder, isDirectory: true) }
}
