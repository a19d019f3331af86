import Foundation
import Launcher
import Logging
import Observability
import OrderedJSON
import Torch
import Training

/// `sweep`: several trainings, one after the other, on inputs that are read once. The weights go back to where they were
/// before each; tokens and the reference's log-probabilities are shared. Under a launcher all ranks work on each trial.
struct SweepRun {
  private let request: SweepRequest
  private let environment: WorkerEnvironment
  private let placement: Placement
  private let logger = Logger(label: "sweep")

  init(_ request: SweepRequest, placement: Placement) throws {
    self.request = request
    self.placement = placement
    environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
  }

  /// Trains what is missing, and returns the outcome; nil on all ranks but the first.
  ///
  /// - Throws: `Failure` of the kind `stopped` when it was interrupted: the same command goes on
  func run() throws -> SweepTable? {
    let requests = RunRequests(timeLimit: request.standard.output.timeLimit, environment)
    // A worker that is started again goes on; what it is to replace is replaced already.
    let replaces = request.standard.output.replacesRun && environment.restartCount == 0
    let folder = environment.rank == 0 ? try SweepFolder(request.location, replaces: replaces) : nil
    do {
      let job = try Job(environment, request.standard.distribution, placement: placement)
      return try job.together { try run(in: folder, of: job, requests) }
    } catch {
      folder?.removeIfUnused()
      throw error
    }
  }

  private func run(in folder: SweepFolder?, of job: Job, _ requests: RunRequests) throws -> SweepTable? {
    let clock = ContinuousClock.now
    let started = try job.firstRanks(folder?.started ?? Date())
    try job.communicator?.requireAgreement(on: agreement, about: "configuration")
    let needsReference = request.trials.contains { $0.run.training.loss.needsReference }
    let inputs = try RunInputs(request.standard, needsReference: needsReference, of: job, started: started)
    guard !inputs.evaluationPairs.isEmpty else {
      throw Failure(.badData, "there are no usable held-out pairs, and without them trials cannot be compared.")
    }
    try inputs.keepInitialWeights()
    try folder?.begin(request.identity(inputs), started: started)

    let known = try ended(in: folder, job)
    var trials = SweepTrials(request: request, inputs: inputs, folder: folder, ended: known)
    logger.info(trials.plan)
    let interruption = Interruption(requests.stop, speaks: job.isFirst)
    defer { interruption.end() }
    let table: SweepTable
    do {
      table = try trials.table(until: requests)
    } catch let failure as Failure where failure.code == .stopped {
      // After the checkpoint: a rank that leaves earlier could end the others.
      try job.communicator?.leave()
      throw failure
    }
    guard let folder else { return nil }
    var outcome = table
    outcome.times.tokens = inputs.tokenSeconds
    outcome.times.total = (ContinuousClock.now - clock) / .seconds(1)
    try folder.write(outcome)
    return outcome
  }

  /// The trials that earlier starts of the sweep ended, as the first rank says.
  private func ended(in folder: SweepFolder?, _ job: Job) throws -> [SweepTrial] {
    let own = JSON.array(folder?.trials.map(\.json) ?? []).serialized()
    let told = try job.communicator?.fromFirst(own, about: "trials") ?? own
    return try JSON(parsing: told).array?.compactMap(SweepTrial.init) ?? []
  }

  /// What must be the same on all ranks, by option.
  private var agreement: [String: String] {
    var facts = RunConfiguration.agreement(on: request.standard.settings, placement)
    facts["trials"] = request.trials.map(\.setting.name).joined(separator: ", ")
    return facts
  }
}
