import Files
import Foundation
import Launcher
import Logging
import Training

/// What becomes of a run that is in the folder already, and the checkpoint that a run goes on from.
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
      if let folder { try beginAgain(in: folder, identity: identity) }
      return (IntervalReport(), nil)
    }
    let interval = try RunCheckpoint.restore(trainer, from: checkpoint, identity: identity)
    if let checkpoint { logger.info("resuming after step \(trainer.completedSteps) from \(checkpoint.path)") }
    return (interval, checkpoint)
  }

  /// Whether the newest checkpoint is asked for, whichever it is.
  var resumesNewest: Bool { continuesJob || output.checkpoint == "auto" }

  /// A run that is to be resumed and has saved nothing yet starts from the beginning, so that a job that a scheduler starts
  /// again just goes on. A run with other settings in the folder is not replaced unasked.
  private func beginAgain(in folder: RunFolder, identity: [String: String]) throws {
    guard resumesNewest, folder.holdsRun else { return }
    // A run of an earlier version does not say what it was: its result is not replaced either.
    guard let before = folder.identity else {
      throw TrainingError.folderInUse(folder.location.path, canResume: false)
    }
    guard before == identity else {
      throw TrainingError.otherRun(
        checkpoint: folder.location.path, differences: TrainingError.differences(before, identity))
    }
    if !folder.holdsFinishedRun {
      logger.info("\(folder.location.path): nothing was saved there yet; the run starts from the beginning")
    }
  }

  /// The checkpoint to go on from; nil for a new run.
  private func checkpoint(in folder: RunFolder) throws -> URL? {
    func newest() throws -> URL? { try RunCheckpoint.newest(in: folder) { logger.warning("\($0)") } }
    if continuesJob {
      // Workers that died before their first checkpoint start over.
      if !folder.checkpoints.isEmpty { return try newest() }
      if output.checkpoint == "auto" { return nil }
    }
    return try output.checkpoint.flatMap {
      try $0 == "auto" ? newest() : URL(fileURLWithPath: $0, isDirectory: true)
    }
  }
}

extension TrainingRequest.Output {
  /// The folder of the run.
  var location: URL { URL(fileURLWithPath: folder, isDirectory: true) }
  /// Where the run goes on when its folder is gone, or its result cannot be written there; nil for nowhere else.
  var rescueLocation: URL? { rescueFolder.map { URL(fileURLWithPath: $0, isDirectory: true) } }
}
