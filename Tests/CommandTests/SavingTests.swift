import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("Checkpoints that are saved while a run goes on")
struct SavingTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
  }

  @Test("Written while training goes on or not, checkpoints and the result have the same bytes, and their cost is told")
  func sameBytes() async throws {
    let given = [
      "--max-steps", "6", "--save-steps", "2", "--save-total-limit", "2", "--learning-rate", "1e-3", "--logging-steps",
      "1", "--ref-logps", "cache", "--ref-cache", "off",
    ]
    let beside = try await Program.succeed(train() + given, in: workspace)
    try await Program.succeed(train("--no-async-save", output: "waiting") + given, in: workspace)
    for name in ["checkpoint-4", "checkpoint-6"] {
      for file in ["model.safetensors", "optimizer.safetensors", "reference.safetensors", "tokenizer.json"] {
        #expect(
          try workspace.bytes("out/\(name)/\(file)") == workspace.bytes("waiting/\(name)/\(file)"), "\(name)/\(file)")
      }
      #expect(workspace.names(in: "out/" + name) == workspace.names(in: "waiting/" + name))
    }
    #expect(try workspace.bytes("out/model.safetensors") == workspace.bytes("waiting/model.safetensors"))
    for folder in ["out", "waiting"] {
      #expect(workspace.names(in: folder).filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-4", "checkpoint-6"])
      let lines = try workspace.lines(folder + "/metrics.jsonl")
      #expect(lines.last?["checkpoints"] == 3)
      #expect(try #require(lines.last?["checkpoint_seconds"]?.double) > 0)
      // The interval after a save knows of it; that of the last step was recorded before its save.
      #expect(lines.filter { $0["time/checkpoint"] != nil }.compactMap { $0["step"]?.int } == [3, 5])
    }
    #expect(beside.output.contains("Saved 3 checkpoints; training stood still"))
    for step in [2, 4, 6] { #expect(beside.messages.contains("checkpoint-\(step)\n")) }
  }

  @Test("A run that is resumed counts the checkpoints of both starts")
  func counts() async throws {
    let given = train("--max-steps", "6", "--save-steps", "2")
    try await Program.succeed(given, in: workspace)
    try FileManager.default.removeItem(atPath: workspace.path("out/checkpoint-6"))
    try FileManager.default.removeItem(atPath: workspace.path("out/model.safetensors"))
    try await Program.succeed(given + ["--resume-from-checkpoint", "auto"], in: workspace)
    #expect(try workspace.lines("out/metrics.jsonl").last?["checkpoints"] == 3)
  }

  @Test("The best checkpoint is known and kept, though it was written while training went on")
  func best() async throws {
    // Margins grow: the smallest is that of an early step.
    let given = train(
      "--max-steps", "8", "--save-steps", "1", "--eval-steps", "1", "--save-total-limit", "1",
      "--load-best-model-at-end", "--metric-for-best-model", "rewards/margins", "--greater-is-better", "false",
      "--learning-rate", "1e-2", "--eval-data", "pairs.jsonl")
    let outcome = try await Program.succeed(given, in: workspace)
    let margins = try workspace.lines("out/metrics.jsonl").compactMap { line in
      line["eval_rewards/margins"]?.double.flatMap { margin in line["step"]?.int.map { (step: $0, margin: margin) } }
    }
    let best = try #require(margins.filter { $0.step > 0 }.min { $0.margin < $1.margin })
    try #require(best.step < 8)
    #expect(outcome.output.contains("The model is the one after step \(best.step)"), "\(outcome.output)")
    let kept = Set(workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") })
    #expect(kept == ["checkpoint-\(best.step)", "checkpoint-8"])
    #expect(
      try workspace.bytes("out/model.safetensors") == workspace.bytes("out/checkpoint-\(best.step)/model.safetensors"))
  }

  @Test("--max-time ends a run with a checkpoint and exit code 75; it goes on with the same command")
  func timeLimit() async throws {
    let given = train("--max-steps", "1000000", "--max-time", "2s", "--learning-rate", "1e-3")
    let stopped = try await Program.run(given, in: workspace)
    expect(
      stopped, code: 75, says: "stopped by --max-time 2s after step ", "of 1000000", "--resume-from-checkpoint auto")
    let step = try #require(try workspace.lines("out/metrics.jsonl").last?["steps"]?.int)
    #expect(workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-\(step)"])
    #expect(workspace.exists("out/checkpoint-\(step)/manifest.json"))
    let again = try await Program.run(given + ["--resume-from-checkpoint", "auto"], in: workspace)
    expect(again, code: 75, says: "resuming after step \(step)", "stopped by --max-time 2s")
  }

  @Test("Times that are none are refused", arguments: ["0", "2x", "m", "5m2h", "1:70:00", "1e3", "400d"])
  func badTimes(time: String) async throws {
    expect(try await Program.run(train("--max-time=" + time), in: workspace), code: 64, says: "--max-time")
  }

  @Test("Times that are some are taken", arguments: ["5400", "1d12h", "1-12:00:00"])
  func goodTimes(time: String) async throws {
    try await Program.succeed(train("--max-time", time, "--max-steps", "1"), in: workspace)
    #expect(try workspace.text("out/config.yaml").contains("max-time: "))
  }

  @Test("SIGUSR1 saves a checkpoint after the step, and the run goes on to its end")
  func signal() async throws {
    let workspace = workspace
    let outcome = try await Program.run(
      train("--max-steps", "40", "--batch-size", "8", "--logging-steps", "1", data: Checkout.demo("train.jsonl")),
      in: workspace
    ) { run in
      try await run.wait { try workspace.exists("out/metrics.jsonl") && !workspace.text("out/metrics.jsonl").isEmpty }
      try run.send(.userDefinedOne)
      try await run.wait { workspace.names(in: "out").contains { $0.hasPrefix("checkpoint-") } }
    }
    expect(outcome, code: 0, says: "SIGUSR1: saving a checkpoint", "checkpoint-")
    #expect(workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") }.count == 1)
    #expect(try workspace.lines("out/metrics.jsonl").last?["steps"] == 40)
  }
}
