import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("init and convert")
struct ConversionTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("A folder to a .pth and back keeps every bit in float32")
  func roundTrip() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      ["convert", "--model", "model", "--to", "model.pth", "--dtype", "float32"], in: workspace)
    try await Program.succeed(
      ["convert", "--model", "model.pth", "--tokenizer", "model", "--to", "back"], in: workspace)
    #expect(try workspace.bytes("back/model.safetensors") == workspace.bytes("model/model.safetensors"))
    #expect(try workspace.bytes("back/tokenizer.json") == workspace.bytes("model/tokenizer.json"))
    let (before, after) = (try workspace.json("model/config.json"), try workspace.json("back/config.json"))
    for key in ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "tie_word_embeddings"] {
      #expect(before[key] == after[key], "\(key)")
    }
  }

  @Test("Without --dtype a .pth is float16, as MiniMind's are, and trains as it is beside a tokenizer")
  func half() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(4), to: "pairs.jsonl")
    try await Program.succeed(["convert", "--model", "model", "--to", "half.pth"], in: workspace)
    try await Program.succeed(
      ["convert", "--model", "model", "--to", "full.pth", "--dtype", "float32"], in: workspace)
    #expect(try Double(workspace.bytes("half.pth").count) < 0.6 * Double(workspace.bytes("full.pth").count))
    try await Program.succeed(train("--tokenizer", "model", "--max-steps", "1", model: "half.pth"), in: workspace)
    #expect(workspace.exists("out/tokenizer.json"))
  }

  @Test("A conversion that leaves a folder without a tokenizer says so")
  func noTokenizer() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(["convert", "--model", "model", "--to", "model.pth"], in: workspace)
    let outcome = try await Program.succeed(["convert", "--model", "model.pth", "--to", "bare"], in: workspace)
    #expect(outcome.messages.contains("--tokenizer"))
    #expect(workspace.names(in: "bare") == ["config.json", "model.safetensors"])
  }

  @Test("init draws the same weights from the same seed, and writes a .pth as well")
  func seeds() async throws {
    try workspace.write(TinyModel.configuration().serialized(), to: "tiny.json")
    for (name, seed) in [("a", "1"), ("b", "1"), ("c", "2"), ("d.pth", "1")] {
      try await Program.succeed(
        ["init", "--model-config", "tiny.json", "--seed", seed, "--dtype", "float32", "--to", name], in: workspace)
    }
    try await Program.succeed(["convert", "--model", "d.pth", "--to", "d"], in: workspace)
    let weights = try ["a", "b", "c", "d"].map { try workspace.bytes($0 + "/model.safetensors") }
    #expect(weights[0] == weights[1])
    #expect(weights[0] == weights[3])
    #expect(weights[0] != weights[2])
  }
}
