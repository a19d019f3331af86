import Files
import Foundation
import Launcher
import Torch
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
      environment.rank == 0
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
    let started = try startDate(resuming: resumes ? folder : nil, job)
    try job.communicator?.requireAgreement(on: configuration, about: "configuration")
    let inputs = try RunInputs(request, of: job, started: started)

    let execution = try RunExecution(request, inputs, in: folder)
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

  /// When the run began, as its first process says: templates that print the date must print one.
  ///
  /// - Parameter folder: that of a run that is resumed; nil for a new one
  private func startDate(resuming folder: RunFolder?, _ job: Job) throws -> Date {
    let own = folder.flatMap(RunEnvironment.start) ?? Date()
    guard let communicator = job.communicator else { return own }
    let told = try communicator.fromFirst("\(Int(own.timeIntervalSince1970))", about: "start")
    return Date(timeIntervalSince1970: Double(told) ?? own.timeIntervalSince1970)
  }

  /// What must be the same on all ranks, by option.
  private var configuration: [String: String] {
    // By its bytes: hosts have copies of it, written at different times.
    let program = Training.contentHash(ofFile: Program.location)
    var facts = ["program": Version.number, "program file": program ?? "unknown", "LibTorch": Runtime.version]
    facts["precision"] = placement.type.rawValue
    for (name, value) in request.settings where !RunConfiguration.mayDiffer.contains(name) {
      facts["--" + name] = value?.description
    }
    return facts
  }
}
