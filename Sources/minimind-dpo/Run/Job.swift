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
  private let logger = Logger(label: "ranks")

  /// Meets the other processes of the job, where there are any.
  ///
  /// - Parameters:
  ///   - patience: how many seconds the others may take to come
  ///   - turn: decides which process of this host reports what all of them wait for; nil makes one
  /// - Throws: `Failure` for a back end that is not there
  init(
    _ environment: WorkerEnvironment, _ distribution: Distribution = Distribution(), placement: Placement = Placement(),
    patience: Int = 300, turn: ConsoleTurn? = nil
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
    let turn = turn ?? ConsoleTurn(environment)
    do {
      communicator = try Communicator(
        environment, device: placement.description, program: Version.number,
        timeout: .seconds(distribution.collectiveTimeout), patience: patience, logger: logger, turn: turn,
        state: {
          let current = activity.current
          return Heartbeat.State(phase: current.phase.rawValue, step: current.step)
        },
        lost: { loss in
          // The thread that trains may be blocked for good in a collective operation.
          let reason = loss.reason.hasSuffix(".") ? loss.reason : loss.reason + "."
          var failure = Failure(.unavailable, "\(reason) Rank \(environment.rank) stops.")
          failure.isSaidElsewhere = loss.isSaidElsewhere
          failure.leave(environment)
        })
    } catch {
      var failure = Failure(error)
      failure.isSaidElsewhere = turn.wasTaken
      throw failure
    }
    gradients = isOnGPU && distribution.backend != .gloo ? try communicator?.connectGPUs() : nil
  }

  /// Whether this process writes files and messages.
  var isFirst: Bool { environment.rank == 0 }
  /// The number of processes.
  var worldSize: Int { environment.worldSize }

  /// The group that carries gradients; nil for a process alone.
  var gradientGroup: ProcessGroup? { gradients ?? communicator?.group }

  /// The groups that the trainer works with.
  ///
  /// - Parameter writers: the ranks that write checkpoints
  func ranks(zeroStage: Int = 0, writers: [Int] = [0]) -> Ranks? {
    communicator.map {
      Ranks(control: $0.group, gradients: gradients, shardsOptimizer: zeroStage > 0, writers: writers)
    }
  }

  /// Runs the body, which all ranks run. When it fails on one rank, the others print that rank's error.
  ///
  /// - Throws: `Failure`, which names the ranks that are gone where communication failed
  func together<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      let result = try body()
      try communicator?.leave()
      gradients?.shutDown()
      return result
    } catch {
      guard let communicator else { throw error }
      throw failure(error, of: communicator)
    }
  }

  private func failure(_ error: any Error, of communicator: Communicator) -> Failure {
    if let error = error as? TorchError, error.kind == .communication || error.kind == .timeout {
      logger.debug("\(error)")
      let (phase, step) = activity.current
      let gone = communicator.missingPeers()
      let culprit =
        gone.isEmpty
        ? "another rank has failed or cannot be reached"
        : "\(gone.map(\.name).joined(separator: ", ")) \(gone.count == 1 ? "is" : "are") gone"
      var failure = Failure(
        .unavailable,
        "rank \(environment.rank) lost the others while \(phase.rawValue)\(step > 0 ? " (step \(step))" : ""): "
          + "\(culprit). Look at \(gone.count > 1 ? "their" : "its") output, and at the host.")
      failure.isSaidElsewhere = !communicator.speaks(besides: gone)
      return failure
    }
    var failure = Failure(error)
    // All ranks come to the same end there.
    let isCommon = failure.code == .stopped || error is CollectiveError
    failure.isSaidElsewhere = isCommon ? !communicator.speaks() : !communicator.fail(failure.message)
    return failure
  }
}
