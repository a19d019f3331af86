/// Which of the devices that it sees a process works on.
public enum DeviceChoice {
  /// The index of the device among the visible ones: the local rank.
  ///
  /// Where a scheduler shows each task devices of its own, they all see a device 0, and the local rank is taken modulo
  /// their number. Anywhere else, two processes would share a device unnoticed, which is an error.
  ///
  /// - Parameters:
  ///   - localRank: number of the process on its host
  ///   - localWorldSize: processes on the host
  ///   - visibleDevices: devices that this process sees
  ///   - schedulerGivesOneEach: whether each task is shown its own (``schedulerGivesOneEach(_:)``)
  /// - Throws: ``DeviceChoiceError``
  public static func index(
    localRank: Int, localWorldSize: Int, visibleDevices: Int, schedulerGivesOneEach: Bool
  ) throws(DeviceChoiceError) -> Int {
    guard visibleDevices > 0 else { throw .noDevice }
    if schedulerGivesOneEach { return localRank % visibleDevices }
    guard localWorldSize <= visibleDevices else {
      throw .tooFew(localWorldSize: localWorldSize, visibleDevices: visibleDevices)
    }
    return localRank
  }

  /// Whether the environment is that of a Slurm task that is bound to devices of its own (`--gpus-per-task`,
  /// `--gpu-bind`, `--ntasks-per-gpu`).
  public static func schedulerGivesOneEach(_ environment: [String: String]) -> Bool {
    let variables = Variables(environment)
    guard variables.has("SLURM_STEP_ID"), variables.has("SLURM_LOCALID"), !variables.has("LOCAL_RANK") else {
      return false
    }
    return ["SLURM_GPUS_PER_TASK", "SLURM_NTASKS_PER_GPU"].contains(where: variables.has)
      || variables["SLURM_TRES_PER_TASK"]?.contains("gpu") == true
      || variables["SLURM_GPU_BIND"].map { $0 != "none" && $0 != "closest" } == true
  }
}

/// Why a process has no device of its own.
public enum DeviceChoiceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It sees none.
  case noDevice
  /// There are more processes on the host than devices that they see.
  case tooFew(localWorldSize: Int, visibleDevices: Int)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .noDevice:
      "no CUDA device is visible to this process. Look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu."
    case .tooFew(let workers, let devices):
      "\(workers) processes on this host, but only \(devices) visible CUDA device\(devices == 1 ? "" : "s"): each process "
        + "needs one of its own. Start \(devices == 1 ? "one process" : "\(devices) processes") here "
        + "(--nproc-per-node \(devices)), or show more devices (CUDA_VISIBLE_DEVICES)."
    }
  }
}
