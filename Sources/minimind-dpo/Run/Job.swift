import Collectives
import Foundation
import Launcher
import Logging
import Observability
import Torch
import Training

/// This process's part in its job: alone, or one of several that train together.
final class Job {
  /// Who this process is.
  let environment: WorkerEnvironment
  /// The connection to the others; nil for a process alone.
  let communicator: Communicator?
  /// What this process is doing.
  let activity: Activity
  /// Where this process computes.
  let placement: Placement
  /// Carries gradients between GPUs; nil where `communicator` does.
  private let gradients: ProcessGroup?

  /// Meets the other processes of the job, where there are any.
  ///
  /// - Parameter patience: how many seconds the others may take to come
  /// - Throws: `Failure` for a back end that is not there
  init(
    _ environment: WorkerEnvironment, _ distribution: DistributionArguments, placement: Placement = Placement(),
    patience: Int = 300
  ) throws {
    let isOnGPU = placement.device != .cpu
    guard distribution.backend != .nccl || isOnGPU else {
      throw Failure(
        .unavailable, "--backend nccl: NCCL connects GPUs, and this run is on the CPU. Use --backend gloo or auto.")
    }
    self.placement = placement
    let activity = Activity()
    self.environment = environment
    self.activity = activity
    guard environment.isDistributed else {
      communicator = nil
      gradients = nil
      return
    }
    // Gloo writes to the sockets of ranks that are gone; it is to hear of it rather than die without a word.
    signal(SIGPIPE, SIG_IGN)
    communicator = try Communicator(
      environment, device: placement.description, program: Version.number,
      timeout: .seconds(distribution.collectiveTimeout),
      patience: patience, logger: Logger(label: "ranks"),
      state: {
        let current = activity.current
        return Heartbeat.State(phase: current.phase.rawValue, step: current.step)
      },
      lost: { reason in
        // The thread that trains may be blocked for good in a collective operation.
        Failure(.unavailable, "\(reason). Rank \(environment.rank) stops.").leave(environment)
      })
    gradients = isOnGPU && distribution.backend != .gloo ? try communicator?.connectGPUs() : nil
  }

  /// Whether this process writes files and messages.
  var isFirst: Bool { environment.rank == 0 }
  /// The number of processes.
  var worldSize: Int { environment.worldSize }

  /// The group that carries gradients; nil for a process alone.
  var gradientGroup: ProcessGroup? { gradients ?? communicator?.group }

  /// The groups that the trainer works with.
  func ranks(zeroStage: Int = 0) -> Ranks? {
    communicator.map { Ranks(control: $0.group, gradients: gradients, shardsOptimizer: zeroStage > 0) }
  }

  /// Runs the body; a failure of communication in it becomes one that names the ranks that are gone.
  func together<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      let result = try body()
      try communicator?.leave()
      gradients?.shutDown()
      return result
    } catch let error as TorchError where error.kind == .communication || error.kind == .timeout {
      guard let communicator else { throw error }
      let (phase, step) = activity.current
      let gone = communicator.missingPeers().map(\.name)
      let culprit =
        gone.isEmpty
        ? "another rank has failed or cannot be reached"
        : "\(gone.joined(separator: ", ")) \(gone.count == 1 ? "is" : "are") gone"
      throw Failure(
        .unavailable,
        "rank \(environment.rank) lost the others while \(phase.rawValue)\(step > 0 ? " (step \(step))" : ""): "
          + "\(culprit). (\(error))")
    }
  }
}
