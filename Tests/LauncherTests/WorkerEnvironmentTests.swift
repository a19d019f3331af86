import Launcher
import Testing

@Suite("Which process of its job this is, by its environment")
struct WorkerEnvironmentTests {
  private func read(_ environment: [String: String]) throws -> WorkerEnvironment {
    try WorkerEnvironment(environment, parentProcess: 4711)
  }

  @Test("Without any sign of a starter it is alone")
  func alone() throws {
    let alone = try read(["HOME": "/root", "MASTER_ADDR": "left over"])
    #expect(alone.startedBy == .alone && alone.rank == 0 && alone.worldSize == 1 && alone.localWorldSize == 1)
    #expect(!alone.isDistributed && alone.masterAddress == nil && !alone.usesAgentStore)
  }

  @Test("torchrun, with the very variables that torchrun 2.13 sets")
  func torchrun() throws {
    let worker = try read([
      "GROUP_RANK": "1", "GROUP_WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "node0",
      "MASTER_PORT": "36997", "RANK": "3", "ROLE_NAME": "default", "ROLE_RANK": "3", "ROLE_WORLD_SIZE": "4",
      "TORCHELASTIC_ERROR_FILE": "/tmp/error.json", "TORCHELASTIC_MAX_RESTARTS": "3",
      "TORCHELASTIC_RESTART_COUNT": "2", "TORCHELASTIC_RUN_ID": "job", "TORCHELASTIC_USE_AGENT_STORE": "True",
      "WORLD_SIZE": "4",
    ])
    #expect(worker.startedBy == .torchrun)
    #expect(worker.rank == 3 && worker.localRank == 1 && worker.worldSize == 4 && worker.localWorldSize == 2)
    #expect(worker.nodeRank == 1 && worker.nodeCount == 2 && worker.masterAddress == "node0")
    #expect(worker.masterPort == 36997 && worker.usesAgentStore && worker.restartCount == 2 && worker.maxRestarts == 3)
    #expect(worker.runID == "job" && worker.errorFile == "/tmp/error.json" && worker.jobIdentity == "job")
  }

  @Test("Operators of Kubernetes set rank, size and master only: a process for each pod")
  func kubernetes() throws {
    let worker = try read(["RANK": "2", "WORLD_SIZE": "3", "MASTER_ADDR": "job-master-0", "MASTER_PORT": "23456"])
    #expect(worker.rank == 2 && worker.localRank == 0 && worker.localWorldSize == 1 && worker.nodeRank == 2)
    #expect(worker.masterPort == 23456 && !worker.usesAgentStore)
    #expect(try read(["RANK": "2", "WORLD_SIZE": "3", "MASTER_ADDR": "a"]).masterPort == 29500)
  }

  @Test("Port 0: processes of one host meet through a file, several hosts need a port that all know")
  func anyPort() throws {
    let oneHost = [
      "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a",
      "MASTER_PORT": "0",
    ]
    let worker = try read(oneHost)
    #expect(worker.masterAddress == nil && worker.masterPort == nil)
    var pod = oneHost
    pod["LOCAL_RANK"] = nil
    pod["LOCAL_WORLD_SIZE"] = nil
    let error = #expect(throws: WorkerEnvironmentError.self) { try read(pod) }
    #expect(error?.description.contains("MASTER_PORT is \"0\"") == true)
  }

  /// As Open MPI 4.1.4 sets them.
  private let openMPI = [
    "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_NODE_RANK": "1",
    "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_MCA_ess_base_jobid": "1243414529",
    "PMIX_NAMESPACE": "1243414529", "PMIX_RANK": "1",
  ]

  @Test("Open MPI; on one host without a master the ranks share the job's identity")
  func openMPIOnOneHost() throws {
    let worker = try read(openMPI)
    #expect(worker.startedBy == .openMPI && worker.rank == 1 && worker.localRank == 1 && worker.localWorldSize == 2)
    #expect(worker.masterAddress == nil && worker.masterPort == nil)
    #expect(worker.jobIdentity.contains("1243414529"))
    var other = openMPI
    other["OMPI_COMM_WORLD_RANK"] = "0"
    other["OMPI_COMM_WORLD_LOCAL_RANK"] = "0"
    #expect(try WorkerEnvironment(other, parentProcess: 1).jobIdentity == worker.jobIdentity)
    other["PMIX_NAMESPACE"] = "1243414530"
    #expect(try read(other).jobIdentity != worker.jobIdentity)
  }

  @Test("PMI, with the local rank that Hydra adds")
  func pmi() throws {
    let worker = try read(["PMI_RANK": "2", "PMI_SIZE": "4", "MPI_LOCALRANKID": "2", "MPI_LOCALNRANKS": "4"])
    #expect(worker.startedBy == .pmi && worker.rank == 2 && worker.localRank == 2 && worker.localWorldSize == 4)
    #expect(worker.jobIdentity == "parent-4711")
    #expect(throws: WorkerEnvironmentError.missing(variable: "PMI_LOCAL_RANK", beside: nil)) {
      try read(["PMI_RANK": "2", "PMI_SIZE": "4"])
    }
  }

  /// A task of `srun -N 3 -n 5`.
  private let slurm = [
    "SLURM_PROCID": "4", "SLURM_LOCALID": "0", "SLURM_NTASKS": "5", "SLURM_STEP_NUM_TASKS": "5", "SLURM_NODEID": "2",
    "SLURM_JOB_ID": "77", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "dpo", "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "MASTER_ADDR": "node0",
  ]

  @Test("Slurm, with the tasks of each node in its short form")
  func slurmStep() throws {
    let worker = try read(slurm)
    #expect(worker.startedBy == .slurm && worker.rank == 4 && worker.localRank == 0 && worker.worldSize == 5)
    #expect(worker.localWorldSize == 1 && worker.nodeRank == 2 && worker.masterPort == 29500)
    #expect(worker.jobIdentity == "77-0")
    var first = slurm
    first.merge(["SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NODEID": "0"]) { $1 }
    #expect(try read(first).localWorldSize == 2)
  }

  @Test("A shell or a batch script of Slurm's is alone, whatever the allocation holds")
  func slurmShell() throws {
    for changes in [
      ["SLURM_STEP_ID": ""], ["SLURM_STEP_ID": "4294967290"], ["SLURM_STEP_ID": "4294967291"],
      ["SLURM_JOB_NAME": "bash"], ["SLURM_JOB_NAME": "interactive", "SLURM_STEP_NUM_TASKS": "1"],
      ["SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"],
    ] {
      #expect(try read(slurm.merging(changes) { $1 }).startedBy == .alone, "\(changes)")
    }
    #expect(try read(slurm.merging(["SLURM_JOB_NAME": "interactive"]) { $1 }).startedBy == .slurm)
  }

  @Test("The first match counts: torchrun within mpirun within Slurm")
  func precedence() throws {
    let all = slurm.merging(openMPI) { $1 }.merging(["RANK": "0", "WORLD_SIZE": "1"]) { $1 }
    #expect(try read(all).startedBy == .torchrun)
    #expect(try read(slurm.merging(openMPI) { $1 }).startedBy == .openMPI)
  }

  @Test("Several hosts without a place to meet are told what to set")
  func noMeetingPlace() throws {
    var environment = openMPI
    environment["OMPI_COMM_WORLD_SIZE"] = "4"
    let error = try #require(throws: WorkerEnvironmentError.self) { try read(environment) }
    #expect("\(error)".contains("MASTER_ADDR") && "\(error)".contains("4 processes, 2 of them on this host"))
    environment["MASTER_ADDR"] = "10.0.0.1"
    #expect(try read(environment).masterPort == 29500)
    let ofSlurm = try #require(throws: WorkerEnvironmentError.self) {
      try read(slurm.filter { $0.key != "MASTER_ADDR" })
    }
    #expect("\(ofSlurm)".contains("scontrol show hostnames"))
  }

  @Test(
    "Errors name the variable",
    arguments: [
      (["RANK": "x", "WORLD_SIZE": "2"], "RANK is \"x\""), (["RANK": "-1", "WORLD_SIZE": "2"], "RANK is \"-1\""),
      (["RANK": "2", "WORLD_SIZE": "2"], "RANK is 2, but WORLD_SIZE is 2"),
      (["RANK": "0", "WORLD_SIZE": "0"], "WORLD_SIZE is \"0\""),
      (["RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"], "LOCAL_WORLD_SIZE is not set, though LOCAL_RANK is"),
      (["RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "3"], "LOCAL_WORLD_SIZE is 3"),
      (["RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "70000"], "MASTER_PORT is \"70000\""),
      (["PMI_RANK": "5", "PMI_SIZE": "2"], "PMI_RANK is 5"),
      (["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"], "OMPI_COMM_WORLD_LOCAL_RANK is not set"),
    ])
  func malformed(_ environment: [String: String], _ words: String) throws {
    let error = try #require(throws: WorkerEnvironmentError.self) { try read(environment) }
    #expect("\(error)".contains(words), "\(error)")
  }

  @Test("What launch writes is what a worker reads")
  func roundTrip() throws {
    let place = WorkerEnvironment(
      rank: 5, localRank: 1, worldSize: 8, localWorldSize: 4, nodeRank: 1, masterAddress: "node0", masterPort: 29501,
      restartCount: 1, maxRestarts: 2, runID: "job", errorFile: "/tmp/e.json", launcherProcess: 99)
    let environment = WorkerEnvironment.environment(for: place, inheriting: ["HOME": "/root"], threads: 3)
    #expect(try WorkerEnvironment(environment) == place)
    #expect(environment["OMP_NUM_THREADS"] == "3" && environment["HOME"] == "/root")
    let kept = WorkerEnvironment.environment(
      for: place, inheriting: ["OMP_NUM_THREADS": "7", "TORCH_NCCL_ASYNC_ERROR_HANDLING": "3"], threads: 3)
    #expect(kept["OMP_NUM_THREADS"] == "7" && kept["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "3")
  }

  @Test("The device is the local rank, modulo the visible ones only where each task is shown its own")
  func devices() throws {
    func index(_ rank: Int, of workers: Int, _ devices: Int, oneEach: Bool = false) throws -> Int {
      try DeviceChoice.index(
        localRank: rank, localWorldSize: workers, visibleDevices: devices, schedulerGivesOneEach: oneEach)
    }
    #expect(try index(3, of: 4, 8) == 3)
    #expect(try index(3, of: 4, 1, oneEach: true) == 0)
    let tooFew = try #require(throws: DeviceChoiceError.self) { try index(0, of: 4, 2) }
    #expect("\(tooFew)".contains("4 processes on this host, but only 2 visible CUDA devices"))
    #expect(throws: DeviceChoiceError.noDevice) { try index(0, of: 1, 0) }
    let task = ["SLURM_STEP_ID": "0", "SLURM_LOCALID": "1", "SLURM_GPUS_PER_TASK": "1"]
    #expect(DeviceChoice.schedulerGivesOneEach(task))
    #expect(!DeviceChoice.schedulerGivesOneEach(task.merging(["LOCAL_RANK": "1"]) { $1 }))
    #expect(!DeviceChoice.schedulerGivesOneEach(["SLURM_STEP_ID": "0", "SLURM_LOCALID": "1"]))
  }

  @Test("The quota of a control group limits the cores")
  func quota() {
    func cores(_ membership: String, _ files: [String: String]) -> Int? {
      AvailableCores.quota(membership: membership) { files[$0] ?? "" }
    }
    let second = [
      "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "/sys/fs/cgroup/a/cpu.max": "250000 100000\n",
      "/sys/fs/cgroup/cpu.max": "800000 100000\n",
    ]
    #expect(cores("0::/a/b\n", second) == 3)
    let first = [
      "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "200000\n", "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
    ]
    #expect(cores("4:cpu,cpuacct:/a\n1:name=systemd:/a\n", first) == 2)
    #expect(cores("0::/a\n", [:]) == nil)
  }
}
