import Files
import Foundation
import Launcher
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
    // Whether the folder can be used is worth knowing first; a run in it is replaced only once this one can begin.
    let existing = RunCheckpoints(request.output, environment).existing
    let folder =
      environment.rank == 0 && !request.isDryRun
      ? try RunFolder(request.output.location, existing: existing == .overwrite ? .resume : existing) : nil
    do {
      let job = try Job(environment, request.distribution, placement: placement)
      try job.together { try run(in: folder, of: job) }
    } catch {
      folder?.removeIfUnused()
      throw error
    }
  }

  private func run(in folder: RunFolder?, of job: Job) throws {
    let resumes = RunCheckpoints(request.output, environment).existing == .resume
    // Templates that print the date must print one, in all processes and after every resumption.
    let started = try job.firstRanks((resumes ? folder.flatMap(RunEnvironment.start) : nil) ?? Date())
    try job.communicator?.requireAgreement(
      on: RunConfiguration.agreement(on: request.settings, placement), about: "configuration")
    let programBytes = placement.device == .cpu ? placement.memory()?.used : nil
    let inputs = try RunInputs(request, needsReference: request.training.loss.needsReference, of: job, started: started)

    let execution = try RunExecution(request, inputs, in: folder)
    if request.isDryRun { return try execution.dryRun(programBytes: programBytes) }
    let stop = StopRequest()
    let interruption = Interruption(stop, speaks: job.isFirst)
    let outcome = try execution.train(until: stop)
    interruption.end()
    if let stoppedBy = outcome.totals.stoppedBy {
      try outcome.recorder.finish(outcome.totals)
      // After the checkpoint: a rank that leaves earlier could end the others.
      try job.communicator?.leave()
      throw Failure(
        .stopped,
        "stopped by \(stoppedBy) after step \(outcome.trainer.completedSteps) of \(outcome.trainer.plan.totalSteps); "
          + "continue with the same command and --resume-from-checkpoint auto.")
    }
    guard let folder else { return }
    try RunConclusion(request: request, inputs: inputs, outcome: outcome, folder: folder).write()
  }
}
