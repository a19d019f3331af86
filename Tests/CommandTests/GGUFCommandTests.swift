import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("convert --to FILE.gguf")
struct GGUFCommandTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("A Modelfile names the file, the turns of the template, what ends an answer, and sampling")
  func modelfile() async throws {
    let outcome = try await Program.succeed(
      ["convert", "--model", Checkout.demo, "--to", "demo.gguf"], in: workspace)
    #expect(outcome.output.contains("demo.gguf") && outcome.messages.contains("ollama create demo -f"))
    let text = try workspace.text("Modelfile")
    for part in [
      "FROM ./demo.gguf\n", "{{ if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n{{ end }}",
      "{{ end }}<|im_start|>assistant\n\"\"\"\n", "PARAMETER stop \"<|im_end|>\"\n", "PARAMETER temperature ",
    ] {
      #expect(text.contains(part), "\(part) ∉ \(text)")
    }
    // Another model's file is not replaced.
    try await Program.succeed(
      [
        "convert", "--model", Checkout.demo, "--to", "small.gguf", "--dtype",
        "q8_0",
      ], in: workspace)
    #expect(try workspace.text("Modelfile") == text)
    #expect(try workspace.text("small.Modelfile").contains("FROM ./small.gguf"))
    #expect(try workspace.bytes("small.gguf").count * 3 < workspace.bytes("demo.gguf").count)
    #expect(try workspace.bytes("demo.gguf").prefix(4) == Data("GGUF".utf8))
  }

  @Test("What llama.cpp cannot compute, or a file cannot hold, is refused before anything is written")
  func refused() async throws {
    try await TinyModel.make(in: workspace)
    let given = ["convert", "--model", "model", "--to", "x.gguf"]
    expect(try await Program.run(given + ["--dtype", "bfloat16"], in: workspace), code: 64, says: "f32, f16 or q8_0")
    expect(
      try await Program.run(["convert", "--model", "model", "--to", "x", "--dtype", "q8_0"], in: workspace), code: 64,
      says: ".gguf")
    var config = try #require(workspace.json("model/config.json").object)
    config["model_type"] = "qwen3"
    config["attention_bias"] = true
    try workspace.write(JSON.object(config).serialized(), to: "biased.json")
    try await Program.succeed(
      ["init", "--model-config", "biased.json", "--tokenizer", "model", "--to", "biased"], in: workspace)
    expect(
      try await Program.run(["convert", "--model", "biased", "--to", "x.gguf"], in: workspace), code: 65,
      says: "no architecture of llama.cpp", "QK-norm and biases")
    #expect(!workspace.exists("x.gguf") && !workspace.exists("Modelfile"))
  }

  static let python = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"]

  @Test(
    "PyPI's gguf reads the same weights, tokens and template back, and llama.cpp computes the same logits",
    .enabled(if: python != nil, "needs MINIMIND_REFERENCE_PYTHON, a Python with transformers and gguf"),
    arguments: ["minimind-3", "minimind2-small", "minimind-3-moe"])
  func readBack(shape: String) async throws {
    let sizes = [
      "--hidden-size", "128", "--num-hidden-layers", "2", "--num-attention-heads", "4", "--vocab-size", "1536",
    ]
    let demo = Checkout.demo
    try await Program.succeed(["init", "--shape", shape, "--tokenizer", demo, "--to", "model"] + sizes, in: workspace)
    for type in ["f32", "f16", "q8_0"] {
      try await Program.succeed(
        ["convert", "--model", "model", "--to", "model.gguf", "--dtype", type, "--overwrite"], in: workspace)
      let outcome = try await Program.run(
        [Checkout.root.appendingPathComponent("Tools/reference/gguf_check.py").path, "model.gguf", "model"],
        in: workspace, program: URL(fileURLWithPath: Self.python ?? ""))
      // 77: this Python has no gguf.
      #expect([0, 77].contains(outcome.code), "\(type): \(outcome.output)\(outcome.messages)")
    }
  }
}
