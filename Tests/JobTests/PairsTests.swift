import Foundation
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Pairs of several processes")
  struct PairsTests {
    let site: JobSite

    init() throws { site = try JobSite() }

    private static func pairs(_ output: String, scorer: [String]) -> [String] {
      [
        "pairs", "--model", Checkout.demo, "--prompts", Checkout.demo("prompts.jsonl"), "--output", output,
        "--max-new-tokens", "40", "--temperature", "1", "--keep-all", output + ".all",
      ] + scorer
    }

    @Test(
      "2 and 3 ranks write what one process writes, whoever scores",
      arguments: [["--score-command", "awk '{ print length($0) }'"], ["--score-model", Checkout.demo]])
    func equal(scorer: [String]) async throws {
      try await site.start(Self.pairs("alone.jsonl", scorer: scorer)).succeeds()
      #expect(try site.workspace.lines("alone.jsonl").count == 4)
      for ranks in 2...3 {
        let output = "with-\(ranks).jsonl"
        try await site.launch(Self.pairs(output, scorer: scorer), ranks: ranks).succeeds()
        for name in ["", ".all"] {
          #expect(try site.workspace.bytes(output + name) == site.workspace.bytes("alone.jsonl" + name))
        }
      }
      #expect(!site.workspace.names().contains { $0.contains("answers-") })
    }

    @Test("A scorer that fails ends the job with its code")
    func badScorer() async throws {
      let job = try await site.launch(Self.pairs("dpo.jsonl", scorer: ["--score-command", "cat >/dev/null; exit 3"]))
      let outcome = try await job.outcome()
      expect(outcome, code: 65, says: "exit code 3")
      #expect(!site.workspace.exists("dpo.jsonl"))
    }
  }
}
