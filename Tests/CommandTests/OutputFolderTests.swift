import Foundation
import ProgramSupport
import Testing

@Suite("Output: what cannot be written or is there already is refused with exit code 73")
struct OutputFolderTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(4), to: "pairs.jsonl")
  }

  @Test("A folder under a regular file cannot be made, in any command that writes one")
  func underAFile() async throws {
    let trained = try await Program.run(train(model: Checkout.demo, output: "pairs.jsonl/out"), in: workspace)
    expect(trained, code: 73, says: workspace.path("pairs.jsonl/out"), "Not a directory", "--output-dir")
    try workspace.write(TinyModel.configuration().serialized(), to: "tiny.json")
    for command in [
      ["init", "--model-config", "tiny.json", "--to", "pairs.jsonl/model"],
      ["init", "--model-config", "tiny.json", "--to", "pairs.jsonl/model.pth"],
      ["convert", "--model", Checkout.demo, "--to", "pairs.jsonl/model"],
      ["convert", "--model", Checkout.demo, "--to", "pairs.jsonl/model.pth"],
      ["data", "pairs.jsonl", "--tokenizer", Checkout.demo, "--dump", "pairs.jsonl/dump.jsonl"],
    ] {
      expect(try await Program.run(command, in: workspace), code: 73, says: "pairs.jsonl/")
    }
    #expect(workspace.names() == ["pairs.jsonl", "tiny.json"])
  }

  @Test("A folder that holds a run is refused and untouched; --overwrite-output-dir replaces the run, and only it")
  func inUse() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(train("--max-steps", "1", "--save-steps", "1"), in: workspace)
    try workspace.write("mine", to: "out/notes.txt")
    let before = try workspace.bytes("out/metrics.jsonl")

    let refused = try await Program.run(train("--max-steps", "2"), in: workspace)
    expect(
      refused, code: 73, says: workspace.path("out"), "already holds a run", "--resume-from-checkpoint auto",
      "--overwrite-output-dir")
    #expect(try workspace.bytes("out/metrics.jsonl") == before)

    // A run that cannot begin must not cost the one that is there.
    let failed = try await Program.run(train("--overwrite-output-dir", data: "none.jsonl"), in: workspace)
    #expect(failed.code == 66)
    #expect(try workspace.bytes("out/metrics.jsonl") == before)
    #expect(workspace.exists("out/checkpoint-1/manifest.json"))

    try await Program.succeed(
      train("--overwrite-output-dir", "--max-steps", "2", "--logging-steps", "1"), in: workspace)
    #expect(
      try workspace.lines("out/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"]?.int } == [1, 2])
    #expect(!workspace.exists("out/checkpoint-1"))
    #expect(try workspace.text("out/notes.txt") == "mine")
    #expect(workspace.names(in: "out").filter { $0.hasPrefix("events.out.tfevents") }.count == 1)
  }

  @Test("A folder that holds only other files is used")
  func otherFiles() async throws {
    try await TinyModel.make(in: workspace)
    try FileManager.default.createDirectory(atPath: workspace.path("out"), withIntermediateDirectories: false)
    try workspace.write("mine", to: "out/notes.txt")
    try await Program.succeed(train("--max-steps", "1"), in: workspace)
    #expect(try workspace.text("out/notes.txt") == "mine")
  }

  @Test("A model that no run wrote is never replaced by a run, and its folder is named")
  func foreignModel() async throws {
    try await TinyModel.make(in: workspace)
    let before = try workspace.bytes("model/model.safetensors")
    for options in [[], ["--overwrite-output-dir"], ["--resume-from-checkpoint", "auto"]] {
      let outcome = try await Program.run(train(output: "model") + options, in: workspace)
      expect(outcome, code: 73, says: workspace.path("model"), "model.safetensors", "Name another folder")
    }
    #expect(try workspace.bytes("model/model.safetensors") == before)
  }

  @Test("A run without a checkpoint: resuming it, starting it again and replacing it lead to no circle of advice")
  func noCircle() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(train("--max-steps", "1"), in: workspace)
    let before = try workspace.bytes("out/metrics.jsonl")
    let resumed = try await Program.run(train("--resume-from-checkpoint", "auto"), in: workspace)
    expect(resumed, code: 0, says: "is finished", "--overwrite-output-dir")
    #expect(try workspace.bytes("out/metrics.jsonl") == before)
    let other = try await Program.run(
      train("--resume-from-checkpoint", "auto", "--learning-rate", "1e-4"), in: workspace)
    expect(other, code: 65, says: "other settings", "learning-rate", "--output-dir")
    let again = try await Program.run(train(), in: workspace)
    expect(again, code: 73, says: "already holds a run", "--overwrite-output-dir")
    #expect(!again.messages.contains("--resume-from-checkpoint"))
    try await Program.succeed(train("--overwrite-output-dir", "--max-steps", "1"), in: workspace)
  }

  @Test("A model that is there already is replaced with --overwrite only")
  func models() async throws {
    try await TinyModel.make(in: workspace)
    let before = try workspace.bytes("model/model.safetensors")
    let again = ["init", "--model-config", "model.json", "--seed", "7", "--to", "model"]
    let refused = try await Program.run(again, in: workspace)
    expect(refused, code: 73, says: "model/model.safetensors", "--overwrite")
    #expect(try workspace.bytes("model/model.safetensors") == before)
    try await Program.succeed(again + ["--overwrite"], in: workspace)
    #expect(try workspace.bytes("model/model.safetensors") != before)

    try await Program.succeed(["convert", "--model", "model", "--to", "model.pth"], in: workspace)
    let twice = try await Program.run("convert", "--model", "model", "--to", "model.pth", in: workspace)
    expect(twice, code: 73, says: "model.pth", "--overwrite")
  }

  @Test("A checkpoint of a run with other settings is not continued, and the settings are named")
  func otherRun() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(train("--max-steps", "2", "--save-steps", "1"), in: workspace)
    let outcome = try await Program.run(
      train("--max-steps", "2", "--beta", "0.3", "--resume-from-checkpoint", "out/checkpoint-1"), in: workspace)
    expect(outcome, code: 65, says: "checkpoint-1", "other settings", "beta: 0.1 there, 0.3 now", "--output-dir")
  }
}
