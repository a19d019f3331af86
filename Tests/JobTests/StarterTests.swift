import Foundation
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("The weights are the same bits whatever starts the processes")
  struct StarterTests {
    /// Three steps of 12, 12 and 7 pairs.
    private static func training(output: String) -> [String] {
      train(
        "--batch-size", "3", "--accumulation-steps", "2", "--learning-rate", "1e-3", "--logging-steps", "1",
        output: output)
    }

    /// Trains under `launch`, and otherwise, and compares.
    private func expectSame(
      startedBy name: String, sourceLocation: SourceLocation = #_sourceLocation,
      _ start: (JobSite, [String]) async throws -> [StartedProcess]
    ) async throws {
      let site = try await JobSite(pairs: 31)
      try await site.launch(Self.training(output: "launched")).succeeds()
      let started = try await start(site, Self.training(output: "out"))
      for process in started { try await process.succeeds(sourceLocation: sourceLocation) }
      let found = try site.workspace.bytes("out/model.safetensors")
      #expect(try found == site.workspace.bytes("launched/model.safetensors"), sourceLocation: sourceLocation)
      let messages = started.map(\.messages).joined()
      #expect(
        messages.contains("distributed: 2 processes on 1 host") && messages.contains("started by \(name)"),
        "\(messages)", sourceLocation: sourceLocation)
    }

    @Test("train --nproc-per-node 2 is short for launch --nproc-per-node 2 train")
    func short() async throws {
      try await expectSame(startedBy: "launch") { site, training in
        [try await site.start(training + ["--nproc-per-node", "2"])]
      }
    }

    @Test("torchrun --no-python", .enabled(if: Starters.torchrun != nil, Starters.noTorchrun))
    func torchrun() async throws {
      let torchrun = try #require(Starters.torchrun)
      try await expectSame(startedBy: "torchrun") { site, training in
        let options = ["--standalone", "--nproc-per-node", "2", "--no-python", Program.executable.path]
        return [try await site.start(options + training, program: torchrun)]
      }
    }

    @Test("mpirun", .enabled(if: Starters.mpirun != nil, Starters.noMPI))
    func mpirun() async throws {
      let mpirun = try #require(Starters.mpirun)
      try await expectSame(startedBy: "mpirun (Open MPI)") { site, training in
        let options = Starters.mpiOptions + ["-np", "2", Program.executable.path]
        return [try await site.start(options + training, program: mpirun)]
      }
    }

    @Test("Processes with exactly the variables that a starter sets", arguments: StarterVariables.all)
    func variables(starter: StarterVariables) async throws {
      let port = try freePort()
      try await expectSame(startedBy: starter.name) { site, training in
        var started: [StartedProcess] = []
        for rank in 0..<2 {
          started.append(
            try await site.start(training, environment: starter.variables(rank, port), named: "rank-\(rank)"))
        }
        return started
      }
    }

    @Test("A pod of a TrainJob of Kubeflow's runs launch, whose options are PET_ variables there")
    func trainJob() async throws {
      let port = try freePort()
      try await expectSame(startedBy: "launch") { site, training in
        var started: [StartedProcess] = []
        for node in 0..<2 {
          let variables = [
            "PET_NNODES": "2", "PET_NPROC_PER_NODE": "1", "PET_NODE_RANK": "\(node)", "PET_MASTER_ADDR": "localhost",
            "PET_MASTER_PORT": "\(port)",
          ]
          started.append(
            try await site.start(["launch"] + training, environment: variables, named: "node-\(node)"))
        }
        return started
      }
    }

    @Test("A pod of an indexed Job of Kubernetes passes its index to launch")
    func indexedJob() async throws {
      let port = try freePort()
      try await expectSame(startedBy: "launch") { site, training in
        let command = """
          exec "$0" launch --nnodes 2 --node-rank "$JOB_COMPLETION_INDEX" --master-addr localhost --master-port \(port) "$@"
          """
        var started: [StartedProcess] = []
        for index in 0..<2 {
          started.append(
            try await site.start(
              ["-c", command, Program.executable.path] + training, program: "/bin/sh",
              environment: ["JOB_COMPLETION_INDEX": "\(index)"], named: "pod-\(index)"))
        }
        return started
      }
    }
  }
}

/// What a starter tells the two processes of a job.
struct StarterVariables: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// As the banner of a run calls it.
  let name: String
  /// By rank, for a job that meets at a port.
  let variables: @Sendable (Int, Int) -> [String: String?]

  static let all: [StarterVariables] = [
    StarterVariables(testDescription: "Kubeflow's PyTorchJob: no local rank", name: "torchrun") { rank, port in
      ["MASTER_ADDR": "localhost", "MASTER_PORT": "\(port)", "WORLD_SIZE": "2", "RANK": "\(rank)"]
    },
    StarterVariables(testDescription: "torchrun's variables without its store", name: "torchrun") { rank, port in
      [
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)", "WORLD_SIZE": "2", "RANK": "\(rank)",
        "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "2",
      ]
    },
    StarterVariables(testDescription: "srun on one node", name: "srun") { rank, port in
      [
        "SLURM_JOB_ID": "\(port)", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "dpo", "SLURM_NTASKS": "2",
        "SLURM_PROCID": "\(rank)", "SLURM_LOCALID": "\(rank)", "SLURM_NODEID": "0", "SLURM_NNODES": "1",
        "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2",
      ]
    },
    StarterVariables(testDescription: "srun on two nodes", name: "srun") { rank, port in
      [
        "SLURM_JOB_ID": "\(port)", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "dpo", "SLURM_NTASKS": "2",
        "SLURM_PROCID": "\(rank)", "SLURM_LOCALID": "0", "SLURM_NODEID": "\(rank)", "SLURM_NNODES": "2",
        "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "MASTER_ADDR": "localhost",
        "MASTER_PORT": "\(port)",
      ]
    },
    StarterVariables(testDescription: "mpirun of MPICH or Intel MPI", name: "mpirun (PMI)") { rank, _ in
      ["PMI_RANK": "\(rank)", "PMI_SIZE": "2", "MPI_LOCALRANKID": "\(rank)", "MPI_LOCALNRANKS": "2"]
    },
  ]
}
