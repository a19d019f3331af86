/// Why the environment does not tell a process who it is in its job.
public enum WorkerEnvironmentError: Error, Hashable, Sendable {
  /// A variable holds something else than what belongs there.
  case malformed(variable: String, value: String, expected: String)
  /// A variable is not there, though another one says that it should be.
  case missing(variable: String, beside: String?)
  /// A number is not below its limit.
  case tooLarge(variable: String, value: Int, limit: String, size: Int)
  /// The job has several hosts, and no variable says where they meet.
  case noMeetingPlace(WorkerEnvironment)
}

extension WorkerEnvironmentError: CustomStringConvertible {
  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .malformed(let variable, let value, let expected):
      "the environment variable \(variable) is \"\(value)\"; expected \(expected)."
    case .missing(let variable, let other?):
      "the environment variable \(variable) is not set, though \(other) is; set both or neither."
    case .missing(let variable, nil):
      "the environment variable \(variable) is not set, so the process does not know its place on this host. Start the "
        + "processes with launch, torchrun --no-python, mpirun or srun, or set RANK, WORLD_SIZE, LOCAL_RANK and "
        + "LOCAL_WORLD_SIZE."
    case .tooLarge(let variable, let value, let limit, let size):
      "the environment variable \(variable) is \(value), but \(limit) is \(size)"
        + (variable.hasSuffix("SIZE") || variable.hasSuffix("NRANKS")
          ? "." : "; ranks go from 0 to \(size - 1).")
    case .noMeetingPlace(let place):
      "\(place.startedBy.rawValue) started \(place.worldSize) processes, \(place.localWorldSize) of them on this host; "
        + "those on several hosts need a place to meet. Set MASTER_ADDR to the name or address of rank 0's host (and "
        + "MASTER_PORT to a free port there; 29500 otherwise) for all of them, for instance "
        + (place.startedBy == .slurm
          ? "export MASTER_ADDR=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | head -n 1) before srun."
          : "mpirun -x MASTER_ADDR=node0 -x MASTER_PORT=29500 ….")
    }
  }
}
