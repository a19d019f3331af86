import Foundation
import ProgramSupport
import Testing

/// A run that does not end by itself while a test looks on.
func endless(output: String = "out") -> [String] {
  train(
    "--batch-size", "4", "--max-steps", "100000", "--learning-rate", "1e-4", data: Checkout.demo("train.jsonl"),
    output: output)
}

extension BusyJobs {
  @Suite("A rank that is killed")
  struct KilledRankTests {
    let site: JobSite

    init() async throws {
      site = try JobSite()
      try await TinyModel.make(in: site.workspace)
    }

    /// Kills a rank in the middle of training, and sees the others stop.
    private func kill(rank: Int, of job: StartedProcess) async throws {
      try await job.says("train step 10/")
      let victim = try await site.process(ofRank: rank)
      Foundation.kill(victim, SIGKILL)
      try await site.hasNoWorkers()
    }

    @Test(
      "Under launch: its peers stop, the last lines name rank and signal, exit code 137", arguments: [0, 1])
    func launched(rank: Int) async throws {
      let job = try await site.launch(endless())
      try await kill(rank: rank, of: job)
      let outcome = try await job.outcome()
      #expect(outcome.code == 137)
      let last = try #require(outcome.messages.components(separatedBy: "launch: rank \(rank) failed first").last)
      #expect(last != outcome.messages, "\(outcome.messages)")
      #expect(
        last.contains("killed by SIGKILL") && last.contains("rank \(rank), local rank \(rank), on host"), "\(last)")
      #expect(outcome.messages.contains("rank \(1 - rank) lost the others while"), "\(outcome.messages)")
      #expect(outcome.messages.contains("rank \(rank) (") && outcome.messages.contains("is gone"))
      // Rank 0 writes the page. Where it was killed itself, nobody could write another; `report` sees it.
      if rank == 0 { try await Program.succeed(["report", "out", "--output", "out/report.html"], in: site.workspace) }
      let state = try site.workspace.text("out/report.html").firstMatch(of: /"state":{"name":"([a-z]+)"/)?.output.1
      #expect(state == (rank == 0 ? "killed" : "failed"))
    }

    @Test("Without any launcher: its peer stops by itself and names it", arguments: [0, 1])
    func alone(rank: Int) async throws {
      let port = try freePort()
      var processes: [StartedProcess] = []
      for rank in 0..<2 {
        processes.append(
          try await site.start(
            endless(),
            environment: [
              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)", "WORLD_SIZE": "2", "RANK": "\(rank)",
              "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "2",
            ], named: "rank-\(rank)"))
      }
      try await kill(rank: rank, of: processes[0])
      // Whose words say it: rank 0 hosts the store as well.
      try await processes[0].says("train step 10/")
      let outcome = try await processes[1 - rank].outcome()
      expect(outcome, code: 69, says: "[rank \(1 - rank)] error: ", "rank \(rank)")
    }

    @Test(
      "Under torchrun: its peer stops and names it",
      .enabled(if: Starters.torchrun != nil, Starters.noTorchrun))
    func torchrun() async throws {
      let options = ["--standalone", "--nproc-per-node", "2", "--no-python", Program.executable.path]
      let job = try await site.start(options + endless(), program: try #require(Starters.torchrun))
      try await kill(rank: 1, of: job)
      let outcome = try await job.outcome()
      #expect(outcome.code == 1)
      #expect(outcome.messages.contains("[rank 0] error: rank 0 lost the others while"), "\(outcome.messages)")
      #expect(outcome.messages.contains("rank 1 (") && outcome.messages.contains("is gone"))
    }

    @Test("Under mpirun: its peer stops", .enabled(if: Starters.mpirun != nil, Starters.noMPI))
    func mpirun() async throws {
      let options = Starters.mpiOptions + ["-np", "2", Program.executable.path]
      let job = try await site.start(options + endless(), program: try #require(Starters.mpirun))
      try await kill(rank: 1, of: job)
      let outcome = try await job.outcome()
      #expect(outcome.code != 0)
      // mpirun itself says it, and kills the others at once.
      #expect((outcome.messages + outcome.output).contains("rank 1"), "\(outcome.messages)")
    }
  }

  @Suite("Launchers that are killed, and workers that ignore signals")
  struct LauncherTests {
    let site: JobSite

    init() async throws {
      site = try JobSite()
      try await TinyModel.make(in: site.workspace)
    }

    @Test("A launcher that is killed leaves no worker alive")
    func launcherKilled() async throws {
      let job = try await site.launch(endless())
      try await job.says("train step 10/")
      job.send(SIGKILL)
      try await site.hasNoWorkers()
    }

    @Test("Nor does one that is killed while its workers start")
    func launcherKilledEarly() async throws {
      let job = try await site.launch(endless(), ranks: 4)
      _ = try await site.process(ofRank: 1)
      job.send(SIGKILL)
      try await site.hasNoWorkers()
    }

    @Test("A worker that does not stop at SIGTERM is killed when the time is over")
    func stubborn() async throws {
      // One step over all 800 pairs, which takes many seconds.
      let training = train(
        "--accumulation-steps", "100", "--max-steps", "2", model: Checkout.demo, data: Checkout.demo("train.jsonl"))
      let job = try await site.launch(training, options: ["--shutdown-timeout", "1"])
      try await job.says("info: learning rate")
      for rank in 0..<2 {
        let process = try await site.process(ofRank: rank)
        try await eventually("rank \(rank) hears SIGTERM") { SiteProcess.hears(SIGTERM, process) }
      }
      job.send(SIGTERM)
      try await site.hasNoWorkers()
      let outcome = try await job.outcome()
      #expect(outcome.code == 137, "\(outcome.messages)")
      #expect(outcome.messages.contains("did not stop within 1 s; killed"), "\(outcome.messages)")
    }
  }
}
