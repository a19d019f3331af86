import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Models that are damaged, hostile, or belong to something else: exit code 65, nothing left behind")
struct BadModelTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(2), to: "pairs.jsonl")
  }

  @Test("A tokenizer whose ids exceed the model's vocabulary, in train, eval and generate")
  func vocabulary() async throws {
    try await TinyModel.make(in: workspace, vocabulary: 300)
    let trained = try await Program.run(train(), in: workspace)
    expect(trained, code: 65, says: "the tokenizer makes the id", "vocabulary has 300 entries", "--tokenizer")
    #expect(!workspace.exists("out"))
    let measured = try await Program.run("eval", "--model", "model", "--data", "pairs.jsonl", in: workspace)
    expect(measured, code: 65, says: "vocabulary has 300 entries", "--tokenizer")
    let said = try await Program.run("generate", "--model", "model", "--prompt", "How much is 4 plus 2?", in: workspace)
    expect(said, code: 65, says: "vocabulary has 300 entries", "--tokenizer")
    #expect(said.output.isEmpty)
  }

  @Test("A reference of another vocabulary is named before the data is read, in train and eval")
  func referenceVocabulary() async throws {
    try await TinyModel.make(in: workspace)
    for vocabulary in [1200, 1600] {
      try await TinyModel.make(in: workspace, named: "other-\(vocabulary)", vocabulary: vocabulary)
      for command in [train(), ["eval", "--model", "model", "--data", "pairs.jsonl"]] {
        let outcome = try await Program.run(command + ["--ref-model", "other-\(vocabulary)"], in: workspace)
        expect(outcome, code: 65, says: "--ref-model has a vocabulary of \(vocabulary)", "--model has 1536")
        #expect(!outcome.messages.contains("2 pairs"))
      }
    }
    #expect(!workspace.exists("out"))
  }

  @Test("A tokenizer with fewer ids than the model scores is named, and only ids with text are generated")
  func smallTokenizer() async throws {
    try await TinyModel.make(in: workspace, vocabulary: 6400)
    let words = "has 1536 token ids, but the model scores 6400"
    let trained = try await Program.run(train("--max-steps", "1"), in: workspace)
    expect(trained, code: 0, says: words, "--tokenizer")
    let measured = try await Program.run(
      "eval", "--model", "model", "--data", "pairs.jsonl", "--token-cache", "off", in: workspace)
    expect(measured, code: 0, says: "warning: the tokenizer", words)
    // Random weights score all ids alike: of 200 drawn ones, three quarters would have no text.
    let said = try await Program.run(
      "generate", "--model", "model", "--prompt", "Hi", "--temperature", "1", "--max-new-tokens", "200", in: workspace)
    expect(said, code: 0, says: "warning: the tokenizer", words)
    #expect(said.output.count > 200)
    let fitting = try await Program.run("generate", "--model", Checkout.demo, "--prompt", "Hi", in: workspace)
    #expect(!fitting.messages.contains("token ids"))
  }

  @Test("Weights that are not finite: which tensor and how many, in every command that loads a model")
  func notFinite() async throws {
    try await TinyModel.make(in: workspace)
    var weights = try workspace.bytes("model/model.safetensors")
    // The last eight values of the file: three of them are no numbers.
    let quiet: [UInt8] = [0, 0, 0xC0, 0x7F]
    for place in [4, 12, 32] { weights.replaceSubrange(weights.count - place..<weights.count - place + 4, with: quiet) }
    try workspace.write(weights, to: "model/model.safetensors")
    for command in [
      train(), ["eval", "--model", "model", "--data", "pairs.jsonl"], ["convert", "--model", "model", "--to", "a.pth"],
      ["eval", "--model", Checkout.demo, "--ref-model", "model", "--data", "pairs.jsonl"],
      ["generate", "--model", "model", "--prompt", "Hi"], ["chat", "--model", "model"],
      [
        "pairs", "--model", "model", "--prompts", "pairs.jsonl", "--output", "made.jsonl", "--score-model",
        Checkout.demo,
      ],
    ] {
      let outcome = try await Program.run(command, in: workspace)
      expect(outcome, code: 65, says: workspace.path("model"), "not finite", ".weight: 3 of ")
    }
    #expect(!workspace.exists("out"))
    #expect(!workspace.exists("a.pth"))
  }

  @Test("Weights of another shape: every name is listed with both shapes")
  func shapes() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(TinyModel.configuration(hidden: 24).serialized(), to: "model/config.json")
    let outcome = try await Program.run(train(), in: workspace)
    expect(
      outcome, code: 65, says: workspace.path("model"), "do not fit", "model.embed_tokens.weight is [1536, 16]",
      "[1536, 24]", "config.json")
    // Of 11 tensors a layer, the norms of queries and keys alone do not depend on the width.
    for layer in 0..<2 {
      for name in [
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
        "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
      ] {
        #expect(outcome.messages.contains("shape: model.layers.\(layer).\(name).weight is"))
      }
    }
    #expect(outcome.messages.contains("shape: model.norm.weight is"))
    #expect(!outcome.messages.contains("q_norm"))
    #expect(!workspace.exists("out"))
  }

  @Test("Weights with one layer too many and too few are listed as unexpected and missing")
  func layers() async throws {
    try await TinyModel.make(in: workspace)
    var config = try #require(TinyModel.configuration().object)
    config["num_hidden_layers"] = 1
    try workspace.write(JSON.object(config).serialized(), to: "model/config.json")
    let more = try await Program.run(train(), in: workspace)
    expect(more, code: 65, says: "unexpected: model.layers.1.mlp.up_proj.weight")
    config["num_hidden_layers"] = 3
    try workspace.write(JSON.object(config).serialized(), to: "model/config.json")
    let fewer = try await Program.run(train(), in: workspace)
    expect(fewer, code: 65, says: "missing: model.layers.2.mlp.up_proj.weight")
    #expect(!workspace.exists("out"))
  }

  @Test("Truncated weight files, .pth and .safetensors")
  func truncated() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(["convert", "--model", "model", "--to", "whole.pth"], in: workspace)
    let whole = try workspace.bytes("whole.pth")
    for length in [0, 3, whole.count / 2, whole.count - 1] {
      try workspace.write(whole.prefix(length), to: "cut.pth")
      let outcome = try await Program.run(train("--tokenizer", Checkout.demo, model: "cut.pth"), in: workspace)
      expect(outcome, code: 65, says: workspace.path("cut.pth"))
    }
    let weights = try workspace.bytes("model/model.safetensors")
    try workspace.write(weights.prefix(weights.count - 100), to: "model/model.safetensors")
    let outcome = try await Program.run(train(), in: workspace)
    expect(outcome, code: 65, says: workspace.path("model/model.safetensors"))
    #expect(!workspace.exists("out"))
  }

  @Test("A .pth that names a forbidden global runs nothing and says which")
  func forbidden() async throws {
    let outcome = try await Program.run(
      train("--tokenizer", Checkout.demo, model: Checkout.torchGolden("forbidden.pth")), in: workspace)
    expect(outcome, code: 65, says: "forbidden.pth", "posix.system", "weights_only=False")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A .pth of torch.save's old format is refused with the sentence on how to convert it")
  func legacy() async throws {
    for command in [
      train("--tokenizer", Checkout.demo, model: Checkout.torchGolden("legacy.pth")),
      ["convert", "--model", Checkout.torchGolden("legacy.pth"), "--to", "folder"],
    ] {
      let outcome = try await Program.run(command, in: workspace)
      expect(outcome, code: 65, says: "legacy.pth", "torch.save(torch.load(file, map_location=\"cpu\"), new_file)")
    }
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A .pth that holds no language model")
  func foreign() async throws {
    let outcome = try await Program.run(
      train("--tokenizer", Checkout.demo, model: Checkout.torchGolden("plain.pth")), in: workspace)
    expect(outcome, code: 65, says: "plain.pth", "model.embed_tokens.weight")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A config.json that does not parse, or of another architecture")
  func configuration() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write("{", to: "model/config.json")
    let broken = try await Program.run(train(), in: workspace)
    expect(broken, code: 65, says: workspace.path("model/config.json"))
    try workspace.write(#"{"model_type": "bert", "vocab_size": 1536}"#, to: "model/config.json")
    let other = try await Program.run(train(), in: workspace)
    expect(other, code: 65, says: "bert", "qwen3")
    #expect(!workspace.exists("out"))
  }
}
