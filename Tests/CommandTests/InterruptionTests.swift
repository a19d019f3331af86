import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("Runs that are stopped or die, and go on")
struct InterruptionTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// Forty steps with a checkpoint every third, long enough to be caught in the middle.
  private func long(_ more: String...) -> [String] {
    train(
      "--max-steps", "40", "--batch-size", "8", "--save-steps", "3", "--logging-steps", "2", "--learning-rate", "1e-3",
      data: Checkout.demo("train.jsonl")) + more
  }

  @Test("SIGTERM ends a run after a checkpoint with exit code 75; resumed, it ends as the unbroken run, bit for bit")
  func terminated() async throws {
    try await TinyModel.make(in: workspace)
    let workspace = workspace
    let stopped = try await Program.run(long(), in: workspace) { run in
      try await run.wait { workspace.exists("out/checkpoint-3") }
      try run.send(.terminate)
    }
    expect(stopped, code: 75, says: "SIGTERM", "--resume-from-checkpoint auto", "of 40")
    #expect(!workspace.exists("out/model.safetensors"))
    #expect(try workspace.lines("out/metrics.jsonl").last?["stopped_by"] == "SIGTERM")
    try await checkResumes()
  }

  @Test("A run that is killed goes on from its newest whole checkpoint and ends as the unbroken run, bit for bit")
  func killed() async throws {
    try await TinyModel.make(in: workspace)
    let workspace = workspace
    let dead = try await Program.run(long(), in: workspace) { run in
      try await run.wait { workspace.exists("out/checkpoint-6") }
      try run.send(.kill)
    }
    #expect(dead.status == .signaled(9))
    #expect(!workspace.exists("out/model.safetensors"))
    try await checkResumes()
  }

  private func checkResumes() async throws {
    let resumed = try await Program.succeed(long("--resume-from-checkpoint", "auto"), in: workspace)
    #expect(resumed.messages.contains("resuming after step"))
    try await Program.succeed(long("--output-dir", "unbroken"), in: workspace)
    for name in ["model.safetensors", "checkpoint-39/optimizer.safetensors"] {
      #expect(try workspace.bytes("out/" + name) == workspace.bytes("unbroken/" + name), "\(name)")
    }
    func curve(_ folder: String) throws -> [[JSON?]] {
      try workspace.lines(folder + "/metrics.jsonl").filter { $0["loss"] != nil }
        .map { [$0["step"], $0["loss"], $0["grad_norm"], $0["learning_rate"], $0["rewards/margins"]] }
    }
    #expect(try curve("out") == curve("unbroken"))
    #expect(!workspace.names(in: "out").contains { $0.contains("partial") })
  }

  @Test(
    "SIGTERM while the reference is computed ahead: what is known of it is saved, and the run that goes on ends as the unbroken one"
  )
  func terminatedInReference() async throws {
    let workspace = workspace
    let given = train(
      "--ref-logps", "cache", "--batch-size", "2", "--max-steps", "3", "--learning-rate", "1e-3", "--no-shuffle",
      "--micro-batch-tokens", "1", "--accumulation-steps", "130", model: Checkout.demo,
      data: Checkout.demo("train.jsonl"))
    let stopped = try await Program.run(given, in: workspace) { run in
      try await run.wait { workspace.exists("out/metrics.jsonl") }
      try await Task.sleep(for: .milliseconds(100))
      try run.send(.terminate)
    }
    expect(stopped, code: 75, says: "after step 0 of 3", "--resume-from-checkpoint auto")
    #expect(workspace.exists("out/checkpoint-0/reference.safetensors"))
    let resumed = try await Program.succeed(given + ["--resume-from-checkpoint", "auto"], in: workspace)
    #expect(resumed.messages.contains("resuming after step 0"))
    // With nothing on disk of what the other two have left there.
    try await Program.succeed(given + ["--output-dir", "unbroken", "--ref-cache", "off"], in: workspace)
    #expect(try workspace.bytes("out/model.safetensors") == workspace.bytes("unbroken/model.safetensors"))
  }

  @Test("A damaged checkpoint is passed over with a warning")
  func damaged() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    let given = train("--max-steps", "3", "--save-steps", "1", "--learning-rate", "1e-3")
    try await Program.succeed(given, in: workspace)
    let whole = try workspace.bytes("out/model.safetensors")
    let moments = try workspace.bytes("out/checkpoint-2/optimizer.safetensors")
    try workspace.write(moments.prefix(moments.count / 2), to: "out/checkpoint-2/optimizer.safetensors")
    try FileManager.default.removeItem(atPath: workspace.path("out/checkpoint-3"))
    let outcome = try await Program.succeed(given + ["--resume-from-checkpoint", "auto"], in: workspace)
    #expect(outcome.messages.contains("passing over a damaged checkpoint"))
    #expect(outcome.messages.contains("resuming after step 1"))
    #expect(try workspace.bytes("out/model.safetensors") == whole)
  }

  @Test("A second SIGTERM ends a long step at once and tears no file")
  func terminatedTwice() async throws {
    let workspace = workspace
    // One step over all 800 pairs, which takes many seconds.
    let given = train(
      "--accumulation-steps", "200", "--max-steps", "2", model: Checkout.demo, data: Checkout.demo("train.jsonl"))
    let outcome = try await Program.run(given, in: workspace) { run in
      try await run.wait { workspace.exists("out/config.yaml") }
      try run.send(.terminate)
      // Signals of one kind that arrive together are one signal.
      try await Task.sleep(for: .milliseconds(500))
      try run.send(.terminate)
    }
    #expect(outcome.status == .exited(143))
    #expect(outcome.messages.contains("A second signal stops at once"))
    #expect(outcome.messages.contains("again"))
    #expect(!workspace.names(in: "out").contains { $0.hasPrefix("checkpoint-") || $0 == "model.safetensors" })
    _ = try workspace.lines("out/metrics.jsonl")
    _ = try workspace.json("out/environment.json")
  }
}
