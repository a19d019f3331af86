import Foundation
import ProgramSupport
import Testing

extension WaitingJobs {
  @Suite("A rank that is stopped, or takes its time")
  struct SilentRankTests {
    let site: JobSite

    init() async throws {
      site = try JobSite()
      try await TinyModel.make(in: site.workspace)
    }

    @Test(
      "Stopped with SIGSTOP: it is named with what it was doing, and given up after some time with exit code 69",
      arguments: [0, 1])
    func stopped(rank: Int) async throws {
      let job = try await site.launch(endless())
      try await job.says("train step 10/")
      // Its next sign of life, by which the others know that it trains.
      try await Task.sleep(for: .seconds(4))
      kill(try await site.process(ofRank: rank), SIGSTOP)
      // Long before the collective operation's own limit of 600 s.
      try await job.says("rank \(rank) (")
      try await job.says("has given no sign of life for")
      try await job.says("when last heard of it was")
      let outcome = try await job.outcome()
      #expect(outcome.code == 69, "\(outcome.messages)")
      let words = outcome.messages
      #expect(words.contains("Rank \(1 - rank) stops."), "\(words)")
      #expect(words.contains("launch: rank \(1 - rank) failed first"), "\(words)")
      let warning = words.split(separator: "\n").first { $0.contains("when last heard of it was") }
      #expect(warning?.contains("(step ") == true, "\(words)")
      #expect(site.workers.isEmpty)
    }

    @Test("Stopped for a while: it is named, goes on, and the weights are the same, bit for bit")
    func goesOn() async throws {
      func training(_ output: String) -> [String] {
        train(
          "--batch-size", "4", "--max-steps", "300", "--learning-rate", "1e-3", data: Checkout.demo("train.jsonl"),
          output: output)
      }
      try await site.launch(training("unbroken"), named: "unbroken").succeeds()
      let job = try await site.launch(training("out"))
      try await job.says("train step 10/")
      let process = try await site.process(ofRank: 1)
      kill(process, SIGSTOP)
      try await job.says("has given no sign of life for")
      kill(process, SIGCONT)
      try await job.succeeds()
      let weights = try site.workspace.bytes("out/model.safetensors")
      #expect(try weights == site.workspace.bytes("unbroken/model.safetensors"))
    }

    @Test("Data that takes longer than a collective operation may: no rank gives up, and the wait is reported")
    func slowData() async throws {
      let workspace = site.workspace
      try workspace.write(Pairs.some(12), to: "pairs.jsonl")
      // Rank 1 waits for its tokens as long as this test holds the lock of its cache.
      try await site.start(train("--token-cache", "cache-1", output: "first")).succeeds()
      let kept = try #require(workspace.names(in: "cache-1").first { workspace.names(in: "cache-1/" + $0).isEmpty })
      try FileManager.default.removeItem(atPath: workspace.path("cache-1/" + kept))
      let lock = open(workspace.path("cache-1/\(kept).lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      defer { close(lock) }
      #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)

      // Long enough for a collective operation on a machine that is busy with other tests.
      let limit = 20
      let job = try await site.launch(
        ["/bin/sh", "-c", "exec \"$0\" \"$@\" --token-cache cache-$RANK", Program.executable.path]
          + train("--collective-timeout", "\(limit)"),
        options: ["--no-python"])
      try await job.says("waiting for rank 1 (")
      try await job.says("which is preparing data")
      try await Task.sleep(for: .seconds(limit + 2))
      #expect(flock(lock, LOCK_UN) == 0)
      try await job.succeeds()
      #expect(workspace.exists("out/model.safetensors"))
    }
  }
}
