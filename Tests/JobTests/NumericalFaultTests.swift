import Foundation
import OrderedJSON
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Numbers that go wrong on several ranks")
  struct NumericalFaultTests {
    let site: JobSite

    init() async throws { site = try await JobSite(pairs: 12) }

    @Test("Steps are left out by all ranks, named once, and end the job with 65 after a checkpoint")
    func skipped() async throws {
      let job = try await site.launch(
        train("--beta", "3e38", "--batch-size", "2", "--no-shuffle", "--max-skipped-steps", "2"))
      let outcome = try await job.outcome()
      #expect(outcome.code == 65, "\(outcome.messages)")
      for words in ["left out on all ranks", "pairs.jsonl:1, pairs.jsonl:2, pairs.jsonl:3", "checkpoint-2"] {
        #expect(outcome.messages.contains(words), "\(words) ∉ \(outcome.messages)")
      }
      #expect(outcome.messages.components(separatedBy: "step 1: the gradient").count == 2)
      #expect(site.workspace.exists("out/checkpoint-2/trainer_state.json"))
      #expect(site.workers.isEmpty)
    }

    @Test("All ranks end after the same step where policy and reference are too far apart")
    func divergence() async throws {
      let job = try await site.launch(
        train(
          "--learning-rate", "1e-2", "--batch-size", "2", "--max-steps", "60", "--logging-steps", "2", "--stop-on-kl",
          "0.5"))
      try await job.succeeds()
      let end = try #require(site.workspace.lines("out/metrics.jsonl").last)
      #expect(end["ended_early"]?.string?.contains("--stop-on-kl") == true)
      #expect(try #require(end["steps"]?.int) < 60)
      #expect(site.workspace.exists("out/model.safetensors"))
    }
  }
}
