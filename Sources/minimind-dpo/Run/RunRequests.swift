import Launcher
import Training

/// What a run may be asked for from outside while it goes on, heard from the start of the program.
struct RunRequests {
  /// To end after the current step.
  let stop = StopRequest()
  /// To save a checkpoint after the current step, and go on.
  let save = SaveRequest()
  /// Its time; nil without a limit, and on all ranks but the first.
  let limit: TimeLimit?
  private let signal: SaveSignal

  /// - Parameter timeLimit: `--max-time`
  init(timeLimit: TimeSpan?, _ environment: WorkerEnvironment) {
    let isFirst = environment.rank == 0
    limit = isFirst ? timeLimit.map { [stop] in TimeLimit($0, stopping: stop) } : nil
    signal = SaveSignal(save, speaks: isFirst)
  }
}
