import Foundation

extension WorkerEnvironment {
  /// Reads the environment of this process. The first starter that left its mark counts: `RANK` and `WORLD_SIZE`
  /// (`launch`, `torchrun`, operators of Kubernetes), Open MPI, PMI, Slurm; without any the process is alone.
  ///
  /// - Parameter parentProcess: process id of the starter; tells two jobs on one host apart where nothing else does
  /// - Throws: ``WorkerEnvironmentError`` for variables that are malformed, contradict each other, or are not enough
  public init(
    _ environment: [String: String], parentProcess: Int32 = getppid()
  ) throws(WorkerEnvironmentError) {
    let variables = Variables(environment)
    var found =
      if variables.has("RANK"), variables.has("WORLD_SIZE") {
        try Self.torchrun(variables)
      } else if variables.has("OMPI_COMM_WORLD_RANK"), variables.has("OMPI_COMM_WORLD_SIZE") {
        try Self.openMPI(variables)
      } else if variables.has("PMI_RANK"), variables.has("PMI_SIZE") {
        try Self.pmi(variables)
      } else if try Self.isStepOfSlurm(variables) {
        try Self.slurm(variables)
      } else {
        try Self.alone(variables)
      }
    try found.readPlace(variables)
    found.jobToken = variables["MINIMIND_DPO_JOB_TOKEN"]
    if found.jobIdentity.isEmpty { found.jobIdentity = "parent-\(parentProcess)" }
    self = found
  }

  private static var alone: Self { place(.alone, rank: 0, of: 1, local: 0, of: 1) }

  /// Half of what a starter sets is a mistake: taken for none, every process of the job would train alone and overwrite
  /// the others' results.
  private static func alone(_ variables: Variables) throws(WorkerEnvironmentError) -> Self {
    for (one, other) in [
      ("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"),
    ] where variables.has(one) != variables.has(other) {
      let (present, absent) = variables.has(one) ? (one, other) : (other, one)
      // A size of one is a job of one process.
      if present == other, try variables.number(other, atLeast: 1) == 1 { continue }
      throw .missing(variable: absent, beside: present)
    }
    return alone
  }

  private static func place(
    _ starter: Starter, rank: Int, of worldSize: Int, local localRank: Int, of localWorldSize: Int, node: Int? = nil,
    identity: String = ""
  ) -> Self {
    var made = Self(
      rank: rank, localRank: localRank, worldSize: worldSize, localWorldSize: localWorldSize,
      nodeRank: node ?? rank / localWorldSize, masterAddress: nil, masterPort: nil, runID: "none", launcherProcess: nil)
    made.startedBy = starter
    made.usesAgentStore = false
    made.jobIdentity = identity
    return made
  }

  /// Operators of Kubernetes set RANK and WORLD_SIZE only: a process for each pod.
  private static func torchrun(_ variables: Variables) throws(WorkerEnvironmentError) -> Self {
    let (rank, worldSize) = try variables.rank("RANK", of: "WORLD_SIZE")
    let local = try variables.localRank("LOCAL_RANK", of: "LOCAL_WORLD_SIZE", worldSize: worldSize)
    let launcher = try variables.number("MINIMIND_DPO_LAUNCHER_PID", atLeast: 1)
    var found = place(
      launcher == nil ? .torchrun : .launch, rank: rank, of: worldSize, local: local?.rank ?? 0, of: local?.size ?? 1,
      node: try variables.number("GROUP_RANK"))
    found.launcherProcess = launcher.flatMap(Int32.init(exactly:))
    found.usesAgentStore = variables["TORCHELASTIC_USE_AGENT_STORE"]?.lowercased() == "true"
    found.restartCount = try variables.number("TORCHELASTIC_RESTART_COUNT") ?? 0
    found.maxRestarts = try variables.number("TORCHELASTIC_MAX_RESTARTS") ?? 0
    found.runID = variables["TORCHELASTIC_RUN_ID"] ?? "none"
    found.errorFile = variables["TORCHELASTIC_ERROR_FILE"]
    if found.runID != "none" { found.jobIdentity = found.runID }
    return found
  }

  private static func openMPI(_ variables: Variables) throws(WorkerEnvironmentError) -> Self {
    let (rank, worldSize) = try variables.rank("OMPI_COMM_WORLD_RANK", of: "OMPI_COMM_WORLD_SIZE")
    let (localRank, localSize) = try variables.requiredLocalRank(
      "OMPI_COMM_WORLD_LOCAL_RANK", of: "OMPI_COMM_WORLD_LOCAL_SIZE", worldSize: worldSize)
    return place(
      .openMPI, rank: rank, of: worldSize, local: localRank, of: localSize,
      // Job numbers come round again; the key of the job's transports does not, where there is one.
      identity: variables.joined("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_orte_precondition_transports"))
  }

  private static func pmi(_ variables: Variables) throws(WorkerEnvironmentError) -> Self {
    let (rank, worldSize) = try variables.rank("PMI_RANK", of: "PMI_SIZE")
    let local =
      if let found = try variables.localRank("MPI_LOCALRANKID", of: "MPI_LOCALNRANKS", worldSize: worldSize) {
        found
      } else if variables.has("SLURM_LOCALID") {
        // `srun --mpi=pmi2`.
        try slurmPlace(variables, worldSize: worldSize)
      } else {
        try variables.requiredLocalRank("PMI_LOCAL_RANK", of: "PMI_LOCAL_SIZE", worldSize: worldSize)
      }
    return place(
      .pmi, rank: rank, of: worldSize, local: local.rank, of: local.size,
      identity: variables.joined("PMI_JOBID", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"))
  }

  /// Reads MASTER_ADDR and MASTER_PORT, which job scripts set for any starter.
  ///
  /// Port 0 asks for any free port. Processes of one host then meet through a file; several hosts cannot.
  private mutating func readPlace(_ variables: Variables) throws(WorkerEnvironmentError) {
    if startedBy == .alone { return }
    let isOnOneHost = localWorldSize == worldSize
    guard let address = variables["MASTER_ADDR"] else {
      if !isOnOneHost { throw .noMeetingPlace(self) }
      return
    }
    let port = try variables.number("MASTER_PORT", atLeast: 0, atMost: 65535) ?? 29500
    guard port != 0 else {
      if isOnOneHost { return }
      throw .malformed(
        variable: "MASTER_PORT", value: "0", expected: "a port that is free on rank 0's host, from 1 to 65535")
    }
    (masterAddress, masterPort) = (address, port)
  }
}

// MARK: - Slurm

extension WorkerEnvironment {
  /// Whether `srun` started this process as a task. The variables also stand in shells and batch scripts, which are one
  /// process each whatever SLURM_NTASKS says.
  private static func isStepOfSlurm(_ variables: Variables) throws(WorkerEnvironmentError) -> Bool {
    guard variables.has("SLURM_PROCID"), variables.has("SLURM_LOCALID"), variables.has("SLURM_NTASKS"),
      let step = try variables.number(variables.has("SLURM_STEP_ID") ? "SLURM_STEP_ID" : "SLURM_STEPID")
    else { return false }
    // The batch script, the shell of an interactive allocation and their like have numbers at the top of 32 bits.
    if step >= 0xFFFF_FFF0 { return false }
    switch variables["SLURM_JOB_NAME"] {
    // `srun --pty bash` names the job after the shell,
    case "bash": return false
    // and within `salloc` every step is called so: a shell is one task, `srun -n 4 minimind-dpo …` is several.
    case "interactive":
      let tasks = try variables.number("SLURM_STEP_NUM_TASKS")
      return tasks ?? 1 > 1
    default: return true
    }
  }

  private static func slurm(_ variables: Variables) throws(WorkerEnvironmentError) -> Self {
    let size = variables.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS"
    let (rank, worldSize) = try variables.rank("SLURM_PROCID", of: size)
    if worldSize == 1 { return alone }
    let (localRank, localSize) = try slurmPlace(variables, worldSize: worldSize)
    return place(
      .slurm, rank: rank, of: worldSize, local: localRank, of: localSize, node: try variables.number("SLURM_NODEID"),
      identity: variables.joined("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"))
  }

  /// The local rank and size. Slurm gives the sizes of all nodes in a row, `2(x3),1` for 2, 2, 2 and 1.
  private static func slurmPlace(
    _ variables: Variables, worldSize: Int
  ) throws(WorkerEnvironmentError) -> (rank: Int, size: Int) {
    let localRank = try variables.required("SLURM_LOCALID")
    let node = try variables.number("SLURM_NODEID") ?? 0
    for name in ["SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"] {
      guard let text = variables[name] else { continue }
      guard let sizes = taskCounts(text), node < sizes.count, localRank < sizes[node] else {
        throw .malformed(variable: name, value: text, expected: "the tasks of each node, such as 2(x3),1")
      }
      return (localRank, sizes[node])
    }
    let nodes = try variables.number(variables.has("SLURM_STEP_NUM_NODES") ? "SLURM_STEP_NUM_NODES" : "SLURM_NNODES")
    if nodes == 1 { return (localRank, worldSize) }
    return (localRank, try variables.required("SLURM_NTASKS_PER_NODE"))
  }

  private static func taskCounts(_ text: String) -> [Int]? {
    var counts: [Int] = []
    for part in text.split(separator: ",") {
      let pieces = part.split(separator: "(")
      guard let count = Int(pieces[0]), count > 0 else { return nil }
      var times = 1
      if pieces.count == 2 {
        guard pieces[1].hasPrefix("x"), pieces[1].hasSuffix(")"), let number = Int(pieces[1].dropFirst().dropLast()),
          (1...100_000).contains(number)
        else { return nil }
        times = number
      }
      counts += Array(repeating: count, count: times)
    }
    return counts.isEmpty ? nil : counts
  }
}
