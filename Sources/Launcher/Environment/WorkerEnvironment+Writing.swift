extension WorkerEnvironment {
  /// The environment in which `launch` starts a worker: its own, and in it what `torchrun` would set.
  ///
  /// - Parameters:
  ///   - worker: who it is to be
  ///   - role: `--role`
  ///   - signals: the names of the signals that are passed on to workers
  ///   - inherited: the launcher's own environment
  ///   - threads: value of `OMP_NUM_THREADS` where `inherited` has none
  public static func environment(
    for worker: WorkerEnvironment, role: String = "default", signals: [String] = LaunchOptions.defaultSignals,
    inheriting inherited: [String: String], threads: Int
  ) -> [String: String] {
    var environment = inherited.filter { !ofOtherStarters.contains($0.key) }
    let rank = String(worker.rank)
    let worldSize = String(worker.worldSize)
    environment["RANK"] = rank
    environment["WORLD_SIZE"] = worldSize
    environment["LOCAL_RANK"] = String(worker.localRank)
    environment["LOCAL_WORLD_SIZE"] = String(worker.localWorldSize)
    environment["GROUP_RANK"] = String(worker.nodeRank)
    environment["GROUP_WORLD_SIZE"] = String(worker.nodeCount)
    environment["ROLE_NAME"] = role
    environment["ROLE_RANK"] = rank
    environment["ROLE_WORLD_SIZE"] = worldSize
    environment["MASTER_ADDR"] = worker.masterAddress
    environment["MASTER_PORT"] = worker.masterPort.map(String.init)
    environment["TORCHELASTIC_RESTART_COUNT"] = String(worker.restartCount)
    environment["TORCHELASTIC_MAX_RESTARTS"] = String(worker.maxRestarts)
    environment["TORCHELASTIC_RUN_ID"] = worker.runID
    environment["TORCHELASTIC_USE_AGENT_STORE"] = worker.usesAgentStore ? "True" : "False"
    environment["TORCHELASTIC_ERROR_FILE"] = worker.errorFile
    environment["TORCHELASTIC_SIGNALS_TO_HANDLE"] = signals.joined(separator: ",")
    if environment["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == nil { environment["TORCH_NCCL_ASYNC_ERROR_HANDLING"] = "1" }
    if (environment["OMP_NUM_THREADS"] ?? "").isEmpty { environment["OMP_NUM_THREADS"] = String(threads) }
    environment["MINIMIND_DPO_LAUNCHER_PID"] = worker.launcherProcess.map { String($0) }
    return environment
  }

  /// What only the launcher may set: left over from a launcher around this one, it would mislead.
  private static let ofOtherStarters: Set<String> = ["MINIMIND_DPO_TERMINAL_WIDTH", "TORCHELASTIC_ERROR_FILE"]
}
