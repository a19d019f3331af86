/// Which process of its job this is, according to the environment that its starter made.
///
/// Both sides of this contract are here: ``init(_:parentProcess:)`` reads what `launch`, `torchrun`, `mpirun` or
/// `srun` set, and ``environment(for:role:signals:inheriting:)`` writes what `launch` gives its workers, which are the
/// variables of PyTorch's `torchrun` (docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables").
public struct WorkerEnvironment: Hashable, Sendable {
  /// What started the process.
  public enum Starter: String, Sendable, CaseIterable {
    /// No sign of a starter: this process is the whole job.
    case alone
    /// This program's own `launch`.
    case launch
    /// PyTorch's `torchrun`, or anything else that sets `RANK` and `WORLD_SIZE`, such as the operators of Kubernetes.
    case torchrun
    /// Open MPI's `mpirun`.
    case openMPI = "mpirun (Open MPI)"
    /// `mpirun` of MPICH, Intel MPI and similar, or another process manager that speaks PMI.
    case pmi = "mpirun (PMI)"
    /// Slurm's `srun`.
    case slurm = "srun"
  }

  /// What started the process.
  public var startedBy: Starter
  /// Number of this process in the job, from 0.
  public var rank: Int
  /// Number of this process on its host, from 0.
  public var localRank: Int
  /// Processes of the job.
  public var worldSize: Int
  /// Processes of the job on this host.
  public var localWorldSize: Int
  /// Number of this host in the job, from 0 (`GROUP_RANK`; 0 where the starter does not say).
  public var nodeRank: Int
  /// Where the processes meet; nil when all are on this host and the starter names no place. Then they meet through a
  /// file named after ``jobIdentity``.
  public var masterAddress: String?
  /// The port there; nil with ``masterAddress``.
  public var masterPort: Int?
  /// Whether the starter hosts the store at ``masterAddress``; otherwise rank 0 does.
  public var usesAgentStore: Bool
  /// How often the job's workers were restarted.
  public var restartCount: Int
  /// How often they may be restarted.
  public var maxRestarts: Int
  /// The job's name (`TORCHELASTIC_RUN_ID`); "none" where it has none.
  public var runID: String
  /// Where to leave the reason of a failure, as the JSON that `torchrun` reads; nil where the starter does not ask for it.
  public var errorFile: String?
  /// A text that the processes of this job share, and other jobs on this host do not have.
  public var jobIdentity: String
  /// Process id of `launch`, when it is that.
  public var launcherProcess: Int32?
  /// A secret of the job (`MINIMIND_DPO_JOB_TOKEN`), without which a stranger's process finds nobody in the store; nil where
  /// there is none.
  public var jobToken: String?

  /// A worker of `launch`.
  public init(
    rank: Int, localRank: Int, worldSize: Int, localWorldSize: Int, nodeRank: Int = 0, masterAddress: String?,
    masterPort: Int?, restartCount: Int = 0, maxRestarts: Int = 0, runID: String, errorFile: String? = nil,
    launcherProcess: Int32?
  ) {
    startedBy = .launch
    self.rank = rank
    self.localRank = localRank
    self.worldSize = worldSize
    self.localWorldSize = localWorldSize
    self.nodeRank = nodeRank
    self.masterAddress = masterAddress
    self.masterPort = masterPort
    usesAgentStore = true
    self.restartCount = restartCount
    self.maxRestarts = maxRestarts
    self.runID = runID
    self.errorFile = errorFile
    jobIdentity = runID
    self.launcherProcess = launcherProcess
  }

  /// Whether other processes belong to the job.
  public var isDistributed: Bool { worldSize > 1 }
  /// Hosts of the job, if each has the same number of processes.
  public var nodeCount: Int { (worldSize + localWorldSize - 1) / localWorldSize }
}
