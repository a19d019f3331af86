import Files
import Foundation
import Launcher
import Logging
import Observability
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

  /// What a run goes on from.
  struct Start {
    /// What had been gathered since the last record.
    var interval = IntervalReport()
    /// What the checkpoint keeps for this program, by name.
    var notes: [String: Data] = [:]
    /// Whether there was a checkpoint.
    var isResumed = false
  }

  /// Puts a trainer where the run in the folder stands; called by all ranks. Of the ranks that have checkpoints the one with
  /// the newest reads it for all.
  ///
  /// - Parameter identity: what must be the same in a run that continues
  func restore(
    _ trainer: Trainer, in place: RunPlace, identity: [String: String], _ job: Job
  ) throws -> Start {
    let (checkpoint, problem) = try found(in: place)
    // Where only one process can have one, there is nothing to compare.
    let step = try checkpoint.map { output.savesOnEachNode ? try RunCheckpoint.step(of: $0) : 0 }
    guard let (reader, _) = try job.largest(step) else {
      if let problem { throw problem }
      if let records = place.records { try beginAgain(in: records, identity: identity) }
      return Start()
    }
    let read = job.environment.rank == reader ? checkpoint : nil
    let interval = try RunCheckpoint.restore(trainer, from: read, reader: reader, identity: identity)
    let notes = try RunCheckpoint.notes(
      [RunHistory.fileName, EvaluationState.fileName], in: read, reader: reader, ranks: trainer.ranks)
    let owner = job.communicator?.roster.members[reader].name ?? "rank \(reader)"
    let source =
      read.map { Phrase($0.path) } ?? Phrase(en: "a checkpoint of \(owner)", zh: "\(owner) 的检查点")
    logger.info(
      Phrase(
        en: "resuming after step \(trainer.completedSteps) from \(source.en)",
        zh: "从第 \(trainer.completedSteps) 步之后续训，检查点：\(source.zh)"))
    return Start(interval: interval, notes: notes, isResumed: true)
  }

  /// The checkpoint that this process has. Where each host has its own, another one may have what is damaged here.
  private func found(in place: RunPlace) throws -> (checkpoint: URL?, problem: TrainingError?) {
    do {
      return (try place.checkpoints.flatMap(checkpoint(in:)), nil)
    } catch let error as TrainingError where output.savesOnEachNode {
      logger.warning("\(error)")
      return (nil, error)
    }
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
      logger.info(
        Phrase(
          en: "\(folder.location.path): nothing was saved there yet; the run starts from the beginning",
          zh: "\(folder.location.path)：那里还没有保存过检查点；从头开始训练"))
    }
  }

  /// The checkpoint to go on from; nil for a new run.
  private func checkpoint(in folder: RunFolder) throws -> URL? {
    func newest() throws -> URL? {
      try RunCheckpoint.newest(in: folder) { problem in
        logger.warning(
          Phrase(en: "passing over a damaged checkpoint: \(problem)", zh: "跳过已损坏的检查点：\(problem)"))
      }
    }
    if continuesJob {
      // Workers that died before their first checkpoint start over.
      if !folder.checkpoints.isEmpty { return try newest() }
      if output.checkpoint == "auto" { return nil }
    }
    return try output.checkpoint.flatMap {
      if $0 == "auto" { return try newest() }
      let named = URL(fileURLWithPath: $0, isDirectory: true)
      // The others need not have it.
      let mustBeThere = environment.rank == 0
      return mustBeThere || FileManager.default.fileExists(atPath: named.path) ? named : nil
    }
  }
}

extension TrainingRequest.Output {
  /// The folder of the run.
  var location: URL { URL(fileURLWithPath: folder, isDirectory: true) }
  /// Where the run goes on when its folder is gone, or its result cannot be written there; nil for nowhere else.
  var rescueLocation: URL? { rescueFolder.map { URL(fileURLWithPath: $0, isDirectory: true) } }
}
