import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Evaluations during a run, and what follows from them")
struct EvaluationCommandTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(16), to: "pairs.jsonl")
    // One is longer, so that there are slices.
    let long = Pairs.pair("What is snow?", "Gladly! Snow is frozen water that falls from the clouds.", "Look outside.")
    try workspace.write(Pairs.some(4) + [long], to: "held.jsonl")
    try workspace.write("Snow is white.\n\nTwo and two are four.\n", to: "guard.txt")
    try workspace.write([["prompt": "How much is 3 plus 2?"], ["prompt": "What is snow?"]], to: "prompts.jsonl")
  }

  private let watched = [
    "--eval-data", "held.jsonl", "--eval-steps", "1", "--guard-data", "guard.txt", "--sample-prompts", "prompts.jsonl",
    "--sample-max-new-tokens", "8",
  ]

  private func evaluations(of folder: String) throws -> [JSON] {
    try workspace.lines(folder + "/metrics.jsonl").filter { $0["eval_loss"] != nil }
  }

  @Test("A run with evaluations trains to the same bits as one without, and records what it measured")
  func recorded() async throws {
    try await TinyModel.make(in: workspace)
    let steps = ["--max-steps", "3", "--learning-rate", "1e-2"]
    try await Program.succeed(train(output: "plain") + steps, in: workspace)
    let run = try await Program.succeed(train() + steps + watched, in: workspace)
    #expect(try workspace.bytes("out/model.safetensors") == workspace.bytes("plain/model.safetensors"))

    let found = try evaluations(of: "out")
    #expect(found.compactMap { $0["step"]?.int } == [0, 1, 2, 3])
    #expect(found.allSatisfy { $0["eval_pairs"]?.int == 5 && $0["guard_loss"]?.double != nil })
    #expect(found[0]["eval_rewards/accuracies_low"] == nil && found[0]["guard_loss_change"] == nil)
    let last = try #require(found.last)
    let accuracy = try #require(last["eval_rewards/accuracies"]?.double)
    #expect(try #require(last["eval_rewards/accuracies_low"]?.double) <= accuracy)
    #expect(last["eval_changes"]?["rewards/margins"]?["low"]?.double != nil)
    #expect(last["eval_slices"]?["answer length"]?.array?.isEmpty == false)
    #expect(last["guard_loss_change"]?.double != nil && last["samples/length_ratio"]?.double != nil)
    let samples = try workspace.lines("out/samples.jsonl")
    #expect(samples.count == 10, "the reference once, the policy four times, two answers each")
    #expect(samples.filter { $0["model"]?.string == "reference" }.count == 2)
    #expect(run.output.contains("Verdict: "))
  }

  @Test("The best step's model is what the run leaves, and its checkpoint is never removed")
  func best() async throws {
    try await TinyModel.make(in: workspace)
    let given =
      train("--max-steps", "4", "--learning-rate", "1e-2", "--save-steps", "1", "--save-total-limit", "2") + watched
      // The loss falls in this run; a larger one is taken for better, so that the best step is not the last.
      + ["--load_best_model_at_end", "true", "--metric_for_best_model", "loss", "--greater_is_better", "True"]
    let run = try await Program.succeed(given, in: workspace)
    let losses = try evaluations(of: "out").dropFirst().compactMap { $0["eval_loss"]?.double }
    let best = 1 + (losses.indices.max { losses[$0] < losses[$1] } ?? 0)
    try #require(best < 4, "the held-out loss should fall in this run: \(losses)")
    #expect(run.output.contains("The model is the one after step \(best): loss is"))
    #expect(
      workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-\(best)", "checkpoint-4"])
    #expect(try workspace.bytes("out/model.safetensors") == workspace.bytes("out/checkpoint-\(best)/model.safetensors"))
  }

  @Test("A run ends early, as a normal end, and a resumed one remembers what it waits for")
  func early() async throws {
    try await TinyModel.make(in: workspace)
    // At rate 0 nothing improves.
    let given =
      train("--max-steps", "4", "--learning-rate", "0", "--save-steps", "2", "--early-stopping-patience", "2") + watched
    let run = try await Program.succeed(given, in: workspace)
    #expect(run.output.hasPrefix("Ended early after 3 steps"))
    #expect(run.output.contains("Why: loss has not improved in 2 evaluations"))
    let end = try #require(try workspace.lines("out/metrics.jsonl").last)
    #expect(end["ended_early"]?.string?.contains("loss has not improved") == true && end["stopped_by"]?.isNull == true)
    // Without its result a run is not finished.
    try FileManager.default.removeItem(atPath: workspace.path("out/model.safetensors"))
    let resumed = try await Program.succeed(given + ["--resume-from-checkpoint", "auto"], in: workspace)
    #expect(resumed.output.contains("has not improved in 2 evaluations"), "one evaluation was before, one after")
    #expect(try evaluations(of: "out").last?["guard_loss_change"]?.double != nil, "the start is known")
    #expect(try workspace.lines("out/samples.jsonl").count == 10)
  }

  @Test("A run stops on forgetting, in words, and its result is there")
  func forgetting() async throws {
    try await TinyModel.make(in: workspace)
    let run = try await Program.succeed(
      train("--max-steps", "30", "--learning-rate", "0.1", "--stop-on-forgetting", "0.01%") + watched, in: workspace)
    #expect(run.output.contains("the loss per token of the guard texts has risen by"))
    #expect(workspace.exists("out/model.safetensors"))
  }

  @Test(
    "What cannot be is refused before anything is read",
    arguments: [
      (["--load-best-model-at-end"], "give --eval-steps"),
      (["--load-best-model-at-end", "--eval-steps", "2"], "held-out pairs"),
      (["--load-best-model-at-end", "--eval-steps", "2", "--eval-data", "held.jsonl"], "--save-steps"),
      (
        ["--load-best-model-at-end", "--eval-steps", "2", "--eval-data", "held.jsonl", "--save-steps", "3"],
        "must be a multiple of --eval-steps (2)"
      ),
      (
        [
          "--load-best-model-at-end", "--eval-strategy", "epoch", "--eval-data", "held.jsonl", "--save-steps", "3",
        ], "to be the same"
      ),
      (["--early-stopping-patience", "0"], "at least 1 evaluation"),
      (["--early-stopping-patience", "1", "--eval-data", "held.jsonl"], "--eval-steps"),
      (["--early-stopping-threshold", "0.1"], "--early-stopping-patience"),
      (["--stop-on-forgetting", "5%"], "--guard-data"), (["--stop-on-forgetting", "lots"], "stop-on-forgetting"),
      (["--stop-on-degeneration"], "--sample-prompts"), (["--sample-max-new-tokens", "0"], "at least 1"),
      (["--greater-is-better", "maybe"], "greater-is-better"),
      (["--greater-is-better", "true"], "--metric-for-best-model"),
    ])
  func refused(_ given: [String], _ words: String) async throws {
    let outcome = try await Program.run(train() + given, in: workspace)
    expect(outcome, code: 64, says: words)
    #expect(!workspace.exists("out"))
  }

  @Test("A metric that is not measured, and files that are missing or hold nothing, are named before the first step")
  func unusable() async throws {
    try await TinyModel.make(in: workspace)
    let metric = try await Program.run(
      train("--metric-for-best-model", "accuracy", "--max-steps", "2") + watched, in: workspace)
    expect(metric, code: 64, says: "--metric-for-best-model accuracy", "eval_rewards/accuracies", "guard_loss")
    #expect(!metric.messages.contains("step 1:"))
    expect(
      try await Program.run(train("--guard-data", "no.txt", output: "a"), in: workspace), code: 66,
      says: "--guard-data", "no.txt: no such file")
    expect(
      try await Program.run(train("--sample-prompts", "no.jsonl", output: "b"), in: workspace), code: 66,
      says: "--sample-prompts no.jsonl")
    try workspace.write("{\"text\": \"fine\"}\n{\"words\": 1}\n", to: "bad.jsonl")
    expect(
      try await Program.run(train("--guard-data", "bad.jsonl", output: "c"), in: workspace), code: 65,
      says: "bad.jsonl", "line 2", "\"messages\"")
    try workspace.write("\n \n", to: "empty.txt")
    expect(
      try await Program.run(train("--guard-data", "empty.txt", output: "d"), in: workspace), code: 65,
      says: "holds no text")
  }

  @Test("eval shows intervals and slices, as a table and as JSON")
  func command() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(train("--max-steps", "3", "--learning-rate", "1e-2"), in: workspace)
    let given = ["eval", "--model", "out", "--ref-model", "model", "--eval-data", "held.jsonl"]
    let table = try await Program.succeed(given, in: workspace).output
    #expect(table.contains("eval_rewards/accuracies_low") && table.contains("accuracy by answer length:"))
    let json = try JSON(parsing: try await Program.succeed(given + ["--json"], in: workspace).output)
    #expect(json["eval_slices"]?["answer length"]?.array?.isEmpty == false && json["eval_pairs"]?.int == 5)
  }
}
