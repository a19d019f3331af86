import Foundation
import ProgramSupport
import Testing

@Suite("Missing input: exit code 66, the path, and what to give instead")
struct MissingInputTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(2), to: "pairs.jsonl")
  }

  @Test("A preference file that is not there")
  func data() async throws {
    let outcome = try await Program.run(train(model: Checkout.demo, data: "none.jsonl"), in: workspace)
    expect(outcome, code: 66, says: workspace.path("none.jsonl"), "no such file", "JSONL")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A held-out file that is not there, after a training file that is")
  func evaluationData() async throws {
    let outcome = try await Program.run(train("--eval-data", "held.jsonl", model: Checkout.demo), in: workspace)
    expect(outcome, code: 66, says: workspace.path("held.jsonl"), "no such file")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A model that is not there, with and without a tokenizer")
  func model() async throws {
    for options in [["--tokenizer", Checkout.demo], []] {
      let outcome = try await Program.run(train(model: "none") + options, in: workspace)
      expect(outcome, code: 66, says: "--model none", "no such file or folder", "Hugging Face folder")
    }
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A model without a tokenizer beside it")
  func modelAlone() async throws {
    try FileManager.default.createDirectory(atPath: workspace.path("bare"), withIntermediateDirectories: false)
    let outcome = try await Program.run(train(model: "bare"), in: workspace)
    expect(outcome, code: 66, says: workspace.path("bare"), "tokenizer.json", "--tokenizer")
    #expect(!workspace.exists("out"))
  }

  @Test("A model folder without weights")
  func weights() async throws {
    try FileManager.default.createDirectory(atPath: workspace.path("model"), withIntermediateDirectories: false)
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: Checkout.demo(name), toPath: workspace.path("model/" + name))
    }
    let outcome = try await Program.run(train(), in: workspace)
    expect(outcome, code: 66, says: workspace.path("model"), "model.safetensors")
    #expect(!workspace.exists("out"))
  }

  @Test("A tokenizer that is not there")
  func tokenizer() async throws {
    let outcome = try await Program.run(
      train("--tokenizer", "none", model: Checkout.demo), in: workspace)
    expect(outcome, code: 66, says: workspace.path("none/tokenizer.json"), "folder that holds one")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A reference model that is not there")
  func reference() async throws {
    let outcome = try await Program.run(train("--ref-model", "none", model: Checkout.demo), in: workspace)
    expect(outcome, code: 66, says: workspace.path("none"), "does not exist")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A configuration of options, of a model, and a file of prompts that are not there")
  func otherFiles() async throws {
    let options = try await Program.run("train", "--config", "none.yaml", in: workspace)
    expect(options, code: 66, says: "--config none.yaml", "no such file")
    let shape = try await Program.run("init", "--model-config", "none.json", "--to", "model", in: workspace)
    expect(shape, code: 66, says: "--model-config", workspace.path("none.json"), "no such file")
    let prompts = try await Program.run(
      "generate", "--model", Checkout.demo, "--prompts", "none.jsonl", in: workspace)
    expect(prompts, code: 66, says: "--prompts none.jsonl", "no such file")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A checkpoint to resume from that is not there")
  func checkpoint() async throws {
    let outcome = try await Program.run(
      train("--resume-from-checkpoint", "none/checkpoint-3", model: Checkout.demo), in: workspace)
    expect(outcome, code: 66, says: "none/checkpoint-3")
    #expect(workspace.names() == ["pairs.jsonl"])
  }
}
