import Foundation
import OrderedJSON
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Jobs that are asked to stop")
  struct StoppingTests {
    let site: JobSite

    init() throws { site = try JobSite() }

    /// Sixty steps of 12 pairs, however many ranks; long enough to be caught in the middle.
    private static func training(ranks: Int, output: String = "out") -> [String] {
      let (pairs, accumulated) = [1: (12, 1), 2: (3, 2), 4: (3, 1)][ranks] ?? (1, 1)
      return train(
        "--batch-size", "\(pairs)", "--accumulation-steps", "\(accumulated)", "--max-steps", "60", "--save-steps", "5",
        "--logging-steps", "1", "--learning-rate", "1e-3", "--resume-from-checkpoint", "auto",
        data: Checkout.demo("train.jsonl"), output: output)
    }

    /// The steps whose checkpoints are there.
    private var checkpoints: [Int] {
      site.workspace.names(in: "out").compactMap { name in
        name.hasPrefix("checkpoint-") ? Int(name.dropFirst("checkpoint-".count)) : nil
      }.sorted()
    }

    /// Stops a job after a step that has a checkpoint, and examines what it leaves.
    private func stop(
      _ job: StartedProcess, after step: Int, signalling: (StartedProcess) async throws -> Void
    ) async throws {
      let before = checkpoints
      try await eventually("checkpoint-\(step) is there", details: { job.messages }) {
        checkpoints.contains(step) || !job.isRunning
      }
      try await signalling(job)
      let outcome = try await job.outcome()
      expect(outcome, code: 75, says: "stopped by", "--resume-from-checkpoint auto", "of 60")
      #expect(site.workers.isEmpty)
      // The step that it was in, and no other besides those that were due.
      let last = try #require(checkpoints.last)
      #expect(
        checkpoints.allSatisfy { $0.isMultiple(of: 5) || $0 == last || before.contains($0) }, "\(checkpoints)")
      #expect(try site.workspace.lines("out/metrics.jsonl").last?["stopped_by"] != nil)
      #expect(try site.workspace.curve().count == last)
      #expect(!site.workspace.exists("out/model.safetensors"))
      #expect(!site.workspace.names(in: "out").contains { $0.contains("partial") })
    }

    @Test(
      "SIGTERM to the launcher: the step is finished, a checkpoint written, exit code 75; it goes on with 1 and with 4 ranks"
    )
    func launcher() async throws {
      let workspace = site.workspace
      try await TinyModel.make(in: workspace)
      // The first start has nothing to go on from.
      let fresh = Self.training(ranks: 2).dropLast(2)
      try await stop(site.launch(Array(fresh)), after: 5) { $0.send(SIGTERM) }
      try await stop(site.start(Self.training(ranks: 1)), after: 25) { $0.send(SIGTERM) }
      let last = try await site.launch(Self.training(ranks: 4), ranks: 4).succeeds()
      #expect(last.messages.contains("resuming after step"))

      // Equal losses at every step: the same pairs, each once in an epoch, in the same order.
      try await site.start(Array(Self.training(ranks: 1, output: "unbroken").dropLast(2))).succeeds()
      #expect(agree(try workspace.curve(), try workspace.curve(of: "unbroken")))
      #expect(try workspace.curve().count == 60)
      #expect(distance(try workspace.weights(), try workspace.weights("unbroken/model.safetensors")) < 1e-5)
      let steps = try ["out", "unbroken"].map { folder in
        try workspace.lines(folder + "/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"] }
      }
      #expect(steps[0] == steps[1])
    }

    @Test(
      "SIGUSR1 to the launcher or to a rank: all ranks save after the same step, and go on", arguments: [nil, 1])
    func save(rank: Int?) async throws {
      try await TinyModel.make(in: site.workspace)
      let job = try await site.launch(endless())
      try await job.says("train step 10/")
      if let rank { kill(try await site.process(ofRank: rank), SIGUSR1) } else { job.send(SIGUSR1) }
      try await eventually("a checkpoint is there", details: { job.messages }) {
        !checkpoints.isEmpty || !job.isRunning
      }
      let saved = try #require(checkpoints.first)
      try await job.says("train step \((saved / 10 + 2) * 10)/")
      job.send(SIGTERM)
      let outcome = try await job.outcome()
      expect(outcome, code: 75, says: "stopped by SIGTERM")
      #expect(checkpoints.count == 2 && checkpoints.contains(saved))
      // One that was saved on the way is as whole as that of a stop.
      for step in checkpoints { #expect(site.workspace.exists("out/checkpoint-\(step)/manifest.json")) }
    }

    @Test("SIGTERM to a single rank stops all of them after the same step", arguments: [0, 1])
    func singleRank(rank: Int) async throws {
      try await TinyModel.make(in: site.workspace)
      try await stop(site.launch(Array(Self.training(ranks: 2).dropLast(2))), after: 5) { _ in
        kill(try await site.process(ofRank: rank), SIGTERM)
      }
    }
  }
}
