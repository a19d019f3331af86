import Files
import Foundation
import Launcher
import Logging
import MiniMind
import Observability
import Training

/// `train` from its first line to its last: reads everything (`RunInputs`), trains, saves, sums up (`RunExecution`). Every
/// process of a job does so; the first writes and speaks.
struct TrainingRun {
  private let request: TrainingRequest
  private let environment: WorkerEnvironment
  private let placement: Placement

  init(_ request: TrainingRequest, placement: Placement) throws {
    self.request = request
    self.placement = placement
    environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
  }

  func run() throws {
    let requests = RunRequests(timeLimit: request.output.timeLimit, environment)
    // Whether the folder can be used is worth knowing first.
    let place = try RunPlace(request, environment)
    defer { place.release() }
    do {
      let job = try Job(environment, request.distribution, placement: placement)
      try job.together { try run(in: place, of: job, requests) }
    } catch {
      place.removeIfUnused()
      throw error
    }
  }

  private func run(in place: RunPlace, of job: Job, _ requests: RunRequests) throws {
    let folder = place.records
    let activity = folder.map { RunActivityFile(in: $0, of: job, stop: requests.stop) }
    defer { activity?.end() }
    let resumes = RunCheckpoints(request.output, environment).existing == .resume
    // Templates that print the date must print one, in all processes and after every resumption.
    let started = try job.firstRanks((resumes ? folder.flatMap(RunEnvironment.start) : nil) ?? Date())
    try job.communicator?.requireAgreement(
      on: RunConfiguration.agreement(on: request.settings, placement), about: "configuration")
    let programBytes = placement.device == .cpu ? placement.memory()?.used : nil
    let inputs = try RunInputs(request, needsReference: request.training.loss.needsReference, of: job, started: started)

    let execution = try RunExecution(request, inputs, in: place)
    if request.isDryRun { return try execution.dryRun(programBytes: programBytes) }
    if try job.saysFirst(execution.isFinished) {
      if let folder {
        Logger(label: "train").info(
          Phrase(
            en: "\(folder.location.path): the run in it is finished, nothing is left to do. Another --output-dir, or "
              + "--overwrite-output-dir instead of --resume-from-checkpoint, trains again",
            zh: "\(folder.location.path)：其中的训练已完成，没有要做的了。要重新训练，请换 --output-dir，或用 --overwrite-output-dir "
              + "代替 --resume-from-checkpoint"))
      }
      return
    }
    let interruption = Interruption(requests.stop, speaks: job.isFirst)
    let outcome: RunOutcome
    do {
      outcome = try execution.train(until: requests)
    } catch let error as TrainingError {
      guard case .notFinite = error, let folder else { throw error }
      throw Failure(.badData, "\(error) \(Self.lastCheckpoint(in: folder))")
    }
    defer { outcome.recorder.waitForAudience() }
    requests.limit?.end()
    interruption.end()
    if let stoppedBy = outcome.totals.stoppedBy {
      let isSaved = folder.map { $0.checkpoints.first?.step == outcome.trainer.completedSteps } ?? true
      let closing = Result {
        try outcome.recorder.finish(outcome.totals)
        try outcome.report?.finish()
      }
      // After the checkpoint: a rank that leaves earlier could end the others.
      try job.communicator?.leave()
      if let folder, !isSaved {
        throw Failure(
          .cannotWrite,
          "stopped by \(stoppedBy), and no checkpoint could be written. \(Self.lastCheckpoint(in: folder))")
      }
      if case .failure(let error) = closing { throw error }
      throw Failure(
        .stopped,
        TrainingWords.stopped(
          by: stoppedBy, afterStep: outcome.trainer.completedSteps, of: outcome.trainer.plan.totalSteps
        ).text)
    }
    guard let folder else { return try writeCopy(of: inputs.policy, tokenizer: inputs.tokenizer, to: place) }
    let conclusion = RunConclusion(request: request, inputs: inputs, outcome: outcome, folder: folder)
    do {
      try conclusion.write()
    } catch {
      let failure = Failure(error)
      guard failure.code == .cannotWrite else { throw error }
      let rescued = conclusion.rescue(to: request.output.rescueLocation)
      let message = failure.message.hasSuffix(".") ? failure.message : failure.message + "."
      throw Failure(.cannotWrite, "\(message) \(rescued ?? Self.lastCheckpoint(in: folder))")
    }
  }

  /// Writes the result on a host that is not that of the first rank. What this one cannot write, the first rank has.
  private func writeCopy(of policy: CausalLM, tokenizer: URL, to place: RunPlace) throws {
    guard let folder = place.checkpoints else { return }
    do {
      try policy.writeTrained(to: folder.location, tokenizer: tokenizer, dtype: request.output.dtype)
    } catch let error as FileError where error.isWriteFailure {
      Logger(label: "train").warning(
        Phrase(en: "no result on this host: \(error). Rank 0 has one.", zh: "本机没有写出结果：\(error)。rank 0 有一份。"))
    }
  }

  private static func lastCheckpoint(in folder: RunFolder) -> String {
    folder.checkpoints.first.map { "The last whole checkpoint is \($0.folder.path), after step \($0.step)." }
      ?? "There is no checkpoint."
  }
}
