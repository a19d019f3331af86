import Foundation
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Ranks that were not started alike")
  struct RefusalTests {
    let site: JobSite

    init() async throws { site = try await JobSite(pairs: 12) }

    /// Starts two processes of a job, each with a program and arguments of its own, and sees both refuse.
    private func expectRefusal(
      saying words: String..., sourceLocation: SourceLocation = #_sourceLocation,
      _ start: (Int) -> (program: String, arguments: [String])
    ) async throws {
      let port = try freePort()
      var started: [StartedProcess] = []
      for rank in 0..<2 {
        let (program, arguments) = start(rank)
        started.append(
          try await site.start(
            arguments, program: program,
            environment: [
              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)", "WORLD_SIZE": "2", "RANK": "\(rank)",
              "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "2",
            ], named: "rank-\(rank)"))
      }
      for (rank, process) in started.enumerated() {
        let outcome = try await process.outcome()
        expect(
          outcome, code: 65, says: "[rank \(rank)] error: the ranks were not started alike",
          sourceLocation: sourceLocation)
        for word in words {
          #expect(outcome.messages.contains(word), "\(word) ∉ \(outcome.messages)", sourceLocation: sourceLocation)
        }
      }
      #expect(!site.workspace.exists("out"), sourceLocation: sourceLocation)
    }

    @Test("Another learning rate on one of them")
    func configuration() async throws {
      try await expectRefusal(saying: "--learning-rate: 0.001 on rank 0, 0.002 on rank 1 (") { rank in
        (Program.executable.path, train("--learning-rate", "\(rank + 1)e-3"))
      }
    }

    @Test("Other pairs")
    func data() async throws {
      try site.workspace.write(Pairs.some(13).dropFirst() + [], to: "others.jsonl")
      try await expectRefusal(saying: "training pairs: ", " on rank 0, ", " on rank 1 (") { rank in
        (Program.executable.path, train(data: rank == 0 ? "pairs.jsonl" : "others.jsonl"))
      }
    }

    @Test("Other weights")
    func weights() async throws {
      let workspace = site.workspace
      try FileManager.default.copyItem(atPath: workspace.path("model"), toPath: workspace.path("other"))
      var bytes = try workspace.bytes("other/model.safetensors")
      bytes[bytes.endIndex - 2] ^= 1
      try workspace.write(bytes, to: "other/model.safetensors")
      try await expectRefusal(saying: "model: ", " on rank 0, ", " on rank 1 (") { rank in
        (Program.executable.path, train(model: rank == 0 ? "model" : "other"))
      }
    }

    @Test("Another build of the program", .enabled(if: !Program.isScript, "a script starts the program"))
    func program() async throws {
      // Trains just as well, but is not the same file.
      let copy = site.workspace.path("minimind-dpo")
      try FileManager.default.copyItem(atPath: Program.executable.path, toPath: copy)
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: copy))
      try file.seekToEnd()
      try file.write(contentsOf: Data([0]))
      try file.close()
      try await expectRefusal(saying: "program file: ") { rank in
        (rank == 0 ? Program.executable.path : copy, train())
      }
    }

    @Test("Under launch the job ends with the code of the refusal, and is not started again")
    func launched() async throws {
      let job = try await site.launch(
        ["/bin/sh", "-c", "exec \"$0\" \"$@\" --seed $RANK", Program.executable.path] + train(),
        options: ["--no-python", "--max-restarts", "2"])
      let outcome = try await job.outcome()
      expect(outcome, code: 65, says: "--seed: 0 on rank 0, 1 on rank 1 (", "launch: rank")
      #expect(!outcome.messages.contains("starting all workers again"))
      #expect(!site.workspace.exists("out"))
    }
  }
}
