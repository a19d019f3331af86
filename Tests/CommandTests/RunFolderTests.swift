import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("A run from beginning to end")
struct RunFolderTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    try workspace.write(Pairs.some(3), to: "held.jsonl")
  }

  static let metrics = [
    "step", "epoch", "loss", "grad_norm", "learning_rate", "rewards/chosen", "rewards/rejected", "rewards/accuracies",
    "rewards/margins", "logps/chosen", "logps/rejected", "tokens", "pairs", "tokens_per_second", "pairs_per_second",
    "utilization", "time/step", "time/data_wait", "memory/peak_bytes",
  ]
  static let modelFiles = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]

  @Test("Leaves every file that the design names, each of them whole")
  func files() async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await Program.succeed(
      train(
        "--eval-data", "held.jsonl", "--max-steps", "3", "--logging-steps", "1", "--save-steps", "2", "--eval-steps",
        "2",
        "--learning-rate", "1e-2"), in: workspace)
    let names = workspace.names(in: "out")
    for name in ["config.yaml", "environment.json", "metrics.jsonl", "report.html"] + Self.modelFiles {
      #expect(names.contains(name))
    }
    #expect(names.filter { $0.hasPrefix("events.out.tfevents") }.count == 1)
    #expect(names.filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-2"])
    #expect(!names.contains { $0.contains("partial") })
    for name in ["manifest.json", "optimizer.safetensors", "trainer_state.json"] + Self.modelFiles {
      #expect(workspace.exists("out/checkpoint-2/" + name))
    }

    let environment = try workspace.json("out/environment.json")
    for key in ["libtorch", "threads", "device", "world_size", "operating_system", "cores"] {
      #expect(environment[key] != nil, "environment.json lacks \(key)")
    }
    try checkMetrics()
    #expect(try workspace.text("out/report.html").contains("</html>"))

    // The summary, in words, on standard output; the first loss, and what it means, among the messages.
    for word in ["0.693", "margin", "accuracy", "out/report.html", "from_pretrained(\"out\")"] {
      #expect(outcome.output.contains(word), "\(word) ∉ \(outcome.output)")
    }
    #expect(outcome.messages.contains("step 1: loss 0.6931"))
    #expect(!outcome.messages.contains("\u{1B}"))
  }

  private func checkMetrics() throws {
    let lines = try workspace.lines("out/metrics.jsonl")
    let steps = lines.filter { $0["loss"] != nil }
    #expect(steps.compactMap { $0["step"]?.int } == [1, 2, 3])
    for line in steps {
      for key in Self.metrics { #expect(line[key]?.double?.isFinite == true, "\(key) in \(line.serialized())") }
    }
    #expect(steps.allSatisfy { (0...1).contains($0["utilization"]?.double ?? .nan) })
    #expect(abs((steps.first?["loss"]?.double ?? 0) - log(2)) < 1e-5)

    let evaluations = lines.filter { $0["eval_loss"] != nil }
    #expect(evaluations.compactMap { $0["step"]?.int } == [0, 2, 3])
    for key in ["eval_rewards/accuracies", "eval_rewards/margins", "eval_logps/chosen", "eval_logps/accuracies"] {
      #expect(evaluations.allSatisfy { $0[key]?.double?.isFinite == true }, "\(key)")
    }
    let end = try #require(lines.last)
    #expect(end["event"] == "end")
    #expect(end["steps"] == 3)
    #expect(end["pairs"] == 12)
    #expect(end["stopped_by"] == .null)
  }

  @Test("The same seed gives the same bits, another seed others")
  func reproducible() async throws {
    try await TinyModel.make(in: workspace)
    for (folder, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
      try await Program.succeed(
        train("--seed", seed, "--max-steps", "2", "--learning-rate", "1e-3", output: folder), in: workspace)
    }
    let weights = try ["a", "b", "c"].map { try workspace.bytes($0 + "/model.safetensors") }
    #expect(weights[0] == weights[1])
    #expect(weights[0] != weights[2])
    #expect(try weights[0] != workspace.bytes("model/model.safetensors"))
  }

  @Test("eval compares the result with the model before training, as a table and as JSON")
  func evaluation() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      train("--eval-data", "held.jsonl", "--max-steps", "3", "--learning-rate", "1e-2"), in: workspace)
    let given = ["eval", "--model", "out", "--data", "held.jsonl"]
    let both = given + ["--ref-model", "model"]
    let json = try JSON(parsing: try await Program.succeed(both + ["--json"], in: workspace).output)
    let last = try #require(try workspace.lines("out/metrics.jsonl").last { $0["eval_loss"] != nil })
    for key in ["eval_loss", "eval_rewards/margins", "eval_rewards/accuracies", "eval_logps/chosen"] {
      let (measured, logged) = (json[key]?.double ?? .nan, last[key]?.double ?? .nan)
      #expect(abs(measured - logged) <= 1e-5 * max(1, abs(logged)), "\(key): \(measured), \(logged) at the run's end")
    }
    #expect(json["eval_pairs"] == 3)
    let table = try await Program.succeed(both, in: workspace).output
    #expect(table.contains("eval_rewards/margins"))
    let alone = try await Program.succeed(given, in: workspace).output
    #expect(alone.contains("eval_logps/accuracies"))
    #expect(!alone.contains("eval_loss"))
    #expect(alone.contains("--ref-model"))
  }

  @Test("--save-total-limit keeps the newest checkpoints; --save-dtype decides the type of the result")
  func limits() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      train(
        "--max-steps", "3", "--save-steps", "1", "--save-total-limit", "2", "--save-dtype", "bfloat16", "--batch-size",
        "2"), in: workspace)
    #expect(workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-2", "checkpoint-3"])
    let (saved, kept) = (
      try workspace.bytes("out/model.safetensors").count,
      try workspace.bytes("out/checkpoint-3/model.safetensors").count
    )
    #expect(Double(saved) < 0.55 * Double(kept))
    let dtype = try workspace.json("out/config.json")
    #expect((dtype["torch_dtype"] ?? dtype["dtype"]) == "bfloat16")
  }

  @Test("demo, with a few of its pairs: answers before and after, and the outcome in words")
  func demo() async throws {
    let folder = workspace.url.appendingPathComponent("assets")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    for name in try FileManager.default.contentsOfDirectory(atPath: Checkout.demo) {
      try FileManager.default.createSymbolicLink(
        atPath: folder.appendingPathComponent(name).path, withDestinationPath: Checkout.demo(name))
    }
    for (name, count) in [("train.jsonl", 32), ("eval.jsonl", 8)] {
      try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
      let lines = try String(contentsOfFile: Checkout.demo(name), encoding: .utf8).split(separator: "\n").prefix(count)
      try workspace.write(lines.joined(separator: "\n") + "\n", to: "assets/" + name)
    }
    let outcome = try await Program.succeed(["demo", "--assets", "assets"], in: workspace)
    for words in ["Before training, the model answers", "After training, it answers", "held-out pairs", "chat --model"]
    {
      #expect(outcome.output.contains(words), "\(words) ∉ \(outcome.output)")
    }
    #expect(workspace.exists("demo-output/report.html"))
  }
}
