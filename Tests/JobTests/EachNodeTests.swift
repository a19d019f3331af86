import Foundation
import OrderedJSON
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Hosts that save to their own disks")
  struct EachNodeTests {
    let site: JobSite

    init() async throws { site = try await JobSite(pairs: 24) }

    /// Two launchers as on two hosts, with a process each.
    private func run(_ outputs: [String], _ more: [String]) async throws -> [Program.Outcome] {
      let port = try freePort()
      var nodes: [StartedProcess] = []
      for (node, output) in outputs.enumerated() {
        let launcher = [
          "launch", "--nnodes", "2", "--node-rank", "\(node)", "--master-addr", "127.0.0.1", "--master-port", "\(port)",
        ]
        let training = train(
          "--save-on-each-node", "--batch-size", "2", "--max-steps", "6", "--save-steps", "2", "--learning-rate",
          "1e-3",
          "--logging-steps", "1", "--zero-stage", "1", "--ref-logps", "cache", "--ref-cache", "off", output: output)
        nodes.append(try await site.start(launcher + training + more, named: "node-\(node)"))
      }
      var outcomes: [Program.Outcome] = []
      for node in nodes { outcomes.append(try await node.outcome()) }
      return outcomes
    }

    @Test("Each has the checkpoints and the result; a run goes on from what one of them still has, be it not the first")
    func lostDisk() async throws {
      let workspace = site.workspace
      for outcome in try await run(["a", "b"], []) { expect(outcome, code: 0) }
      for file in [
        "checkpoint-2/model.safetensors", "checkpoint-4/optimizer.safetensors", "checkpoint-4/reference.safetensors",
        "checkpoint-6/optimizer.safetensors", "model.safetensors", "tokenizer.json",
      ] {
        #expect(try workspace.bytes("a/" + file) == workspace.bytes("b/" + file), "\(file)")
      }
      #expect(!workspace.exists("b/metrics.jsonl"))
      let (result, last) = (try workspace.bytes("a/model.safetensors"), try workspace.lines("a/metrics.jsonl"))

      for name in ["a", "b/checkpoint-6", "b/model.safetensors"] {
        try FileManager.default.removeItem(atPath: workspace.path(name))
      }
      let resumed = try await run(["a", "b"], ["--resume-from-checkpoint", "auto"])
      for outcome in resumed { expect(outcome, code: 0) }
      expect(resumed[0], code: 0, says: "resuming after step 4 from a checkpoint of rank 1 (")
      for name in ["a", "b"] {
        #expect(try workspace.bytes(name + "/model.safetensors") == result)
        #expect(workspace.exists(name + "/checkpoint-6/manifest.json"))
      }
      let lines = try workspace.lines("a/metrics.jsonl")
      #expect(lines.filter { $0["loss"] != nil }.compactMap { $0["step"]?.int } == [5, 6])
      for name in ["pairs", "tokens", "steps", "checkpoints"] {
        #expect(lines.last?[name] == last.last?[name], "\(name)")
      }
    }

    @Test("Hosts that share the folder are refused")
    func shared() async throws {
      let outcomes = try await run(["a", "a"], [])
      #expect(outcomes.allSatisfy { $0.code != 0 })
      #expect(
        outcomes.contains { $0.messages.contains("every host needs an --output-dir of its own") },
        "\(outcomes.map(\.messages))")
    }
  }
}
