import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Sweeps")
struct SweepTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(30), to: "all.jsonl")
    try workspace.write(Array(Pairs.some(30)[..<20]), to: "pairs.jsonl")
    try workspace.write(Array(Pairs.some(30)[20...]), to: "held.jsonl")
  }

  private func sweep(_ more: String..., output: String = "sweep") -> [String] {
    [
      "sweep", "--model", "model", "--train-data", "pairs.jsonl", "--eval-data", "held.jsonl", "--output-dir", output,
      // As many as an epoch has, so that every pair is met.
      "--max-steps", "5",
    ] + more
  }

  private static let figures = ["trial", "eval_loss", "eval_wins", "eval_rewards/margins"]

  private func trials(_ output: String = "sweep") throws -> [JSON] {
    try workspace.lines(output + "/sweep.jsonl").filter { $0["trial"] != nil }
  }

  @Test("A grid is trained, each trial as train would; a second sweep computes nothing of the reference")
  func grid() async throws {
    try await TinyModel.make(in: workspace)
    let given = sweep("--learning-rate", "1e-3,1e-2", "--betas", "0.1", "--betas", "0.5")
    let first = try await Program.succeed(given, in: workspace)
    #expect(first.output.contains("(30 pairs computed, 0 found on disk)"))
    let found = try trials()
    #expect(found.count == 4)
    #expect(Set(found.compactMap { $0["learning_rate"]?.double }) == [1e-3, 1e-2])
    #expect(Set(found.compactMap { $0["beta"]?.double }) == [0.1, 0.5])
    #expect(found.allSatisfy { $0["eval_pairs"] == 10 && $0["steps"] == 5 })
    #expect(!workspace.names(in: "sweep/trials/lr-0.001-beta-0.5-sigmoid").contains { $0.hasPrefix("checkpoint") })
    let page = try workspace.text("sweep/sweep.html")
    #expect(page.contains(#""id":"sweep-accuracy""#) && page.contains("Held-out accuracy"))
    let outcome = try workspace.json("sweep/sweep.json")
    #expect(outcome["sentence"]?.string?.isEmpty == false)
    #expect(outcome["trials"]?.array?.count == 4)

    // The third of them, alone: nothing of the trials before it is left in the weights.
    try await Program.succeed(
      train(
        "--eval-data", "held.jsonl", "--max-steps", "5", "--learning-rate", "1e-3", "--beta", "0.5", "--ref-logps",
        "cache"), in: workspace)
    func losses(_ folder: String) throws -> [JSON?] {
      try workspace.lines(folder + "/metrics.jsonl").filter { $0["loss"] != nil || $0["eval_loss"] != nil }
        .flatMap { [$0["loss"], $0["eval_loss"], $0["grad_norm"]] }
    }
    #expect(try losses("sweep/trials/lr-0.001-beta-0.5-sigmoid") == losses("out"))

    let second = try await Program.succeed(given + ["--output-dir", "again", "--json"], in: workspace)
    let times = try JSON(parsing: second.output)
    #expect(times["reference_computed"] == 0)
    #expect(times["reference_found"] == 30)
    #expect(second.messages.contains("30 found on disk, 0 computed"))
    func figures(_ folder: String) throws -> [[JSON?]] {
      try trials(folder).map { trial in Self.figures.map { trial[$0] } }
    }
    #expect(try figures("again") == figures("sweep"))
    // On part of the data, what is known of it is found.
    let part = try await Program.succeed(
      sweep("--learning-rates", "1e-3", "--train-data", "held.jsonl", "--json", output: "part"), in: workspace)
    #expect(try JSON(parsing: part.output)["reference_computed"] == 0)
    // Without a cache there is nothing to find.
    let off = try await Program.succeed(
      sweep("--learning-rates", "1e-3", "--ref-cache", "off", "--json", output: "off"), in: workspace)
    #expect(try JSON(parsing: off.output)["reference_computed"] == 30)
  }

  @Test("The same command adds what is missing; other data or settings are refused; a sweep can be replaced")
  func goesOn() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(sweep("--learning-rates", "1e-3"), in: workspace)
    let first = try trials()
    let more = try await Program.succeed(sweep("--learning-rates", "1e-2,1e-3"), in: workspace)
    #expect(more.messages.contains("2 trials, 1 of them ended already"))
    #expect(try trials().first == first.first)
    #expect(try trials().count == 2)
    let all = try await Program.succeed(sweep("--learning-rates", "1e-2,1e-3"), in: workspace)
    #expect(all.messages.contains("2 of them ended already"))
    #expect(!all.messages.contains("trial 1 of"))
    #expect(try trials().count == 2)

    let other = try await Program.run(sweep("--learning-rates", "1e-3", "--weight-decay", "0.5"), in: workspace)
    expect(other, code: 65, says: "--weight-decay: 0.0 there, 0.5 now", "--overwrite-output-dir")
    let data = try await Program.run(sweep("--learning-rates", "1e-3", "--train-data", "all.jsonl"), in: workspace)
    expect(data, code: 65, says: "training pairs")
    #expect(try trials().count == 2)
    try await Program.succeed(
      sweep("--learning-rates", "1e-3", "--weight-decay", "0.5", "--overwrite-output-dir"), in: workspace)
    #expect(try trials().count == 1)
    #expect(workspace.names(in: "sweep/trials").count == 1)
  }

  @Test("SIGTERM ends a sweep with exit code 75; the same command ends as an unbroken one, bit for bit")
  func interrupted() async throws {
    let workspace = workspace
    func given(_ output: String) -> [String] {
      [
        "sweep", "--model", Checkout.demo, "--train-data", Checkout.demo("train.jsonl"), "--eval-data", "held.jsonl",
        "--output-dir", output, "--max-steps", "30", "--batch-size", "8", "--learning-rates", "1e-4,3e-4",
        "--ref-cache", "off", "--logging-steps", "1", "--save-best",
      ]
    }
    let second = "sweep/trials/lr-3e-4-beta-0.1-sigmoid/metrics.jsonl"
    let stopped = try await Program.run(given("sweep"), in: workspace) { run in
      try await run.wait { (try? workspace.lines(second).contains { $0["step"] == 3 }) ?? false }
      try run.send(.terminate)
    }
    expect(stopped, code: 75, says: "SIGTERM", "1 trial of 2 to go", "the same command")
    #expect(stopped.output.isEmpty)
    #expect(try trials().count == 1)
    let resumed = try await Program.succeed(given("sweep"), in: workspace)
    #expect(resumed.messages.contains("resuming after step"))
    try await Program.succeed(given("unbroken"), in: workspace)
    func figures(_ folder: String) throws -> [[JSON?]] {
      try trials(folder).map { trial in Self.figures.map { trial[$0] } }
    }
    #expect(try figures("sweep") == figures("unbroken"))
    #expect(try workspace.bytes("sweep/best/model.safetensors") == workspace.bytes("unbroken/best/model.safetensors"))
    #expect(workspace.exists("sweep/best/report.html"))
  }

  @Test("A list of trials, a trial that fails, and a sweep of two processes")
  func listed() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(
      "{\"learning-rate\": 1e-3}\n\n{\"learning_rate\": 1e-2, \"beta\": 0.5}\n{\"learning-rate\": 1e30}\n",
      to: "trials.jsonl")
    let given = sweep("--trials", "trials.jsonl", "--max-steps", "8")
    let alone = try await Program.succeed(given, in: workspace)
    let found = try trials()
    #expect(found.compactMap { $0["learning_rate"]?.double } == [1e-3, 1e-2, 1e30])
    #expect(found.last?["failed"]?.string?.isEmpty == false)
    #expect(alone.output.contains("failed"))

    let launched = try await Program.succeed(
      given + ["--nproc-per-node", "2", "--per-device-train-batch-size", "2", "--output-dir", "two"], in: workspace)
    #expect(launched.output.contains("→") || launched.output.contains("Take none"))
    for (one, two) in zip(found, try trials("two")) {
      guard let expected = one["eval_loss"]?.double else { continue }
      #expect(abs((two["eval_loss"]?.double ?? .nan) - expected) < 1e-4 * expected)
    }
  }

  @Test("What a sweep cannot do is said before anything is read")
  func usage() async throws {
    func expectUsage(_ arguments: [String], _ words: String...) async throws {
      let outcome = try await Program.run(arguments, in: workspace)
      #expect(outcome.code == 64, "\(arguments)")
      for word in words { #expect(outcome.messages.contains(word), "\(outcome.messages)") }
    }
    let start = ["sweep", "--model", "m", "--train-data", "pairs.jsonl", "--output-dir", "o"]
    try await expectUsage(start, "--eval-data")
    let held = start + ["--eval-data", "held.jsonl"]
    try await expectUsage(held + ["--learning-rates", "1e-3,x"], "--learning-rates", "1e-3,x")
    try await expectUsage(held + ["--betas", "0"], "--betas")
    try await expectUsage(held + ["--loss-types", "sigmoid,sigmod"], "--loss-types", "sigmod")
    try await expectUsage(held + ["--trials", "t.jsonl", "--betas", "1"], "--trials", "--betas")
    try await expectUsage(held + ["--resume-from-checkpoint", "auto"], "same command")
    try workspace.write("{\"learning-rate\": 1e-3}\n{\"max-length\": 4}\n", to: "t.jsonl")
    expect(
      try await Program.run(held + ["--trials", "t.jsonl"], in: workspace), code: 65, says: "t.jsonl, line 2",
      "max-length")
    expect(try await Program.run(held + ["--trials", "none.jsonl"], in: workspace), code: 66, says: "none.jsonl")
  }
}
