import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("doctor --run: what became of a run")
struct RunDoctorTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    try await TinyModel.make(in: workspace)
  }

  private func doctor(_ folder: String = "out") async throws -> (outcome: Program.Outcome, findings: [String: JSON]) {
    let outcome = try await Program.run("doctor", "--run", folder, "--json", in: workspace)
    let list = try JSON(parsing: outcome.output)["findings"]?.array ?? []
    return (outcome, Dictionary(list.map { ($0["check"]?.string ?? "", $0) }) { first, _ in first })
  }

  @Test("A finished run, in words and as JSON; no folder and no run are 66")
  func finished() async throws {
    try await Program.succeed(train("--max-steps", "4", "--save-steps", "2", "--logging-steps", "1"), in: workspace)
    let (outcome, findings) = try await doctor()
    #expect(outcome.code == 0, "\(outcome.output)")
    #expect(findings["run"]?["text"]?.string?.contains("the run is finished: step 4 of 4") == true)
    #expect(findings["checkpoint"]?["text"]?.string?.contains("checkpoint-4") == true)
    let words = try await Program.succeed(["doctor", "--run", "out"], in: workspace)
    #expect(words.output.contains("the run is finished"))
    let chinese = try await Program.succeed(["doctor", "--run", "out", "--lang", "zh"], in: workspace).output
    #expect(chinese.contains("训练已完成：第 4 步（共 4 步）") && chinese.contains("out 中的训练"), "\(chinese)")
    #expect(!chinese.hasEnglishSentence, "\(chinese)")
    expect(try await Program.run("doctor", "--run", "none", in: workspace), code: 66, says: "no such folder")
    expect(try await Program.run("doctor", "--run", "model", in: workspace), code: 66, says: "holds no run")
  }

  @Test("A run that was stopped, killed, or failed: each with what to do")
  func ended() async throws {
    let long = train("--max-steps", "100000", "--logging-steps", "1", "--save-steps", "5", "--save-total-limit", "2")
    let stopped = try await Program.run(long, in: workspace) { run in
      try await run.wait { workspace.exists("out/checkpoint-5") }
      try run.send(.terminate)
    }
    #expect(stopped.code == 75)
    var (outcome, findings) = try await doctor()
    #expect(outcome.code == 0)
    #expect(findings["run"]?["verdict"]?.string == "warning")
    #expect(findings["run"]?["text"]?.string?.contains("stopped by SIGTERM") == true)
    #expect(findings["run"]?["remedy"]?.string?.contains("--resume-from-checkpoint auto") == true)

    let killed = try await Program.run(long + ["--output-dir", "killed"], in: workspace) { run in
      try await run.wait { workspace.exists("killed/checkpoint-10") }
      try run.send(.kill)
    }
    #expect(killed.code == nil)
    (outcome, findings) = try await doctor("killed")
    #expect(outcome.code == 69, "\(outcome.output)")
    #expect(findings["run"]?["text"]?.string?.contains("without a word") == true)
    #expect(findings["run"]?["remedy"]?.string?.contains("goes on from checkpoint-") == true)

    _ = try await Program.run(
      train("--beta", "3e38", "--max-skipped-steps", "1", "--no-shuffle", output: "failed"), in: workspace)
    (outcome, findings) = try await doctor("failed")
    #expect(outcome.code == 69)
    #expect(findings["run"]?["text"]?.string?.contains("the run failed after") == true)
    #expect(findings["run"]?["text"]?.string?.contains("pairs.jsonl:1") == true)
    #expect(findings["skipped-steps"]?["text"]?.string?.contains("1 step had") == true)
  }

  @Test("A run that goes on, and the same one stopped by a signal that leaves no trace")
  func hanging() async throws {
    let long = train("--max-steps", "100000", "--logging-steps", "1")
    let outcome = try await Program.run(long, in: workspace) { run in
      try await run.wait { try workspace.exists("out/metrics.jsonl") && workspace.lines("out/metrics.jsonl").count > 3 }
      let going = try await examined()
      #expect(going.contains("the run goes on"), "\(going)")
      try run.send(.suspend)
      let hanging = try await examined()
      #expect(hanging.contains("the run hangs"), "\(hanging)")
      #expect(hanging.contains("kill -CONT"), "\(hanging)")
      try run.send(.resume)
      try run.send(.kill)
    }
    #expect(outcome.code == nil)
  }

  @Test("What cost a real run time: far more threads than cores, a checkpoint and an evaluation at every step")
  func slow() async throws {
    let threads = 8 * ProcessInfo.processInfo.activeProcessorCount
    try await Program.succeed(
      train(
        "--threads", "\(threads)", "--max-steps", "6", "--logging-steps", "1", "--save-steps", "1", "--no-async-save",
        "--eval-data", Checkout.demo("eval.jsonl"), "--max-samples", "40", "--eval-steps", "1", model: Checkout.demo,
        data: Checkout.demo("train.jsonl")), in: workspace)
    let (outcome, findings) = try await doctor()
    #expect(outcome.code == 0, "\(outcome.output)")
    let cores = try #require(findings["too-many-threads"], "\(outcome.output)")
    #expect(cores["text"]?.string?.contains("\(threads) threads on") == true)
    #expect(try #require(cores["values"]?["seconds"]?.double) > 0)
    for check in ["checkpoints", "evaluations"] {
      let found = try #require(findings[check], "\(outcome.output)")
      #expect(found["verdict"]?.string == "warning")
      #expect(try #require(found["values"]?["share"]?.double) > 0.02)
    }
    #expect(findings["checkpoints"]?["remedy"]?.string?.contains("--save-steps") == true)
  }

  /// What `doctor --run out` prints. Not by `Program`, whose turns the run itself has.
  private func examined() async throws -> String {
    let process = Process()
    process.executableURL = Program.executable
    process.arguments = ["doctor", "--run", "out"]
    process.currentDirectoryURL = workspace.url
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }
}
