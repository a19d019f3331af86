import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("What a newcomer types, and is told")
struct FirstStepsTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("init makes a tiny model, and one of the sizes that are named")
  func sizes() async throws {
    try await Program.succeed(["init", "--shape", "tiny", "--to", "tiny"], in: workspace)
    let tiny = try workspace.json("tiny/config.json")
    #expect(tiny["hidden_size"] == 128 && tiny["num_hidden_layers"] == 2 && tiny["model_type"] == "qwen3")
    let given = [
      "--hidden_size", "64", "--num-hidden-layers", "3", "--num-attention-heads", "4", "--vocab-size", "300",
      "--max-position-embeddings", "128",
    ]
    try await Program.succeed(["init", "--shape", "minimind2", "--to", "own"] + given, in: workspace)
    let own = try workspace.json("own/config.json")
    for (name, value) in [
      ("hidden_size", 64), ("num_hidden_layers", 3), ("num_attention_heads", 4), ("head_dim", 16),
      ("num_key_value_heads", 2), ("vocab_size", 300), ("max_position_embeddings", 128),
      // 64 · 8/3, rounded up to a multiple of 64.
      ("intermediate_size", 192),
    ] {
      #expect(own[name]?.int == value, "\(name)")
    }
    for (size, word) in [
      (["--hidden-size", "100"], "must divide the width"), (["--hidden-size", "0"], "--hidden-size must be from 1"),
      (["--vocab-size", "99999999"], "--vocab-size must be from 1 to 1000000"),
    ] {
      let outcome = try await Program.run(["init", "--shape", "minimind-3", "--to", "no"] + size, in: workspace)
      expect(outcome, code: 64, says: word)
    }
    #expect(!workspace.exists("no"))
  }

  @Test("The end of a run names chat and report; eval ends with a verdict")
  func ends() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
    let run = try await Program.succeed(train("--max-steps", "2", output: "my run"), in: workspace)
    #expect(run.output.contains("  minimind-dpo chat --model 'my run'"))
    #expect(run.output.contains("  minimind-dpo report 'my run'"))
    let measured = try await Program.succeed(
      ["eval", "--model", "my run", "--ref-model", "model", "--data", "pairs.jsonl"], in: workspace)
    #expect(measured.output.contains("Verdict: ") && measured.output.contains("held-out pairs"))
    let chinese = try await Program.run(
      [
        "LC_ALL=zh_CN.UTF-8", Program.executable.path, "eval", "--model", "my run", "--ref-model", "model", "--data",
        "pairs.jsonl",
      ], in: workspace, program: URL(fileURLWithPath: "/usr/bin/env"))
    #expect(chinese.output.contains("结论："))
  }

  @Test("data and convert find the tokenizer of a MiniMind checkout, in model/")
  func checkout() async throws {
    try await TinyModel.make(in: workspace)
    try FileManager.default.createDirectory(atPath: workspace.path("out"), withIntermediateDirectories: true)
    try await Program.succeed(["convert", "--model", "model", "--to", "out/full_sft_16.pth"], in: workspace)
    try workspace.write(Pairs.some(4), to: "pairs.jsonl")
    for given in [[], ["--model", "out/full_sft_16.pth"]] {
      let outcome = try await Program.succeed(["data", "pairs.jsonl"] + given, in: workspace)
      #expect(outcome.output.hasPrefix("pairs "))
    }
    try await Program.succeed(["convert", "--model", "out/full_sft_16.pth", "--to", "folder"], in: workspace)
    #expect(workspace.exists("folder/tokenizer.json"))
    expect(try await Program.run(["data", "none.jsonl"], in: Workspace()), code: 64, says: "--tokenizer", "model/")
  }

  @Test("bench prints words, and --json keys")
  func bench() async throws {
    let outcome = try await Program.succeed(
      ["bench", "--shape", "tiny", "--steps", "1", "--batch-size", "1", "--prefix-tokens", "8", "--tail-tokens", "4"],
      in: workspace)
    #expect(outcome.output.contains("pairs per second") && outcome.output.contains("backward pass"))
    #expect(!outcome.output.contains("_"))
  }

  // MARK: - Shells

  @Test("bash and zsh read the completion, and it knows the options", arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) async throws {
    let script = try await Program.succeed(["completions", shell], in: workspace).output
    #expect(script.contains("per-device-train-batch-size") && script.contains("loss-type"))
    try workspace.write(script, to: "script")
    guard let program = Self.program(shell) else { return }
    let outcome = try await Program.run(["-n", "script"], in: workspace, program: program)
    #expect(outcome.code == 0, "\(outcome.messages)")
  }

  @Test("The manual page names every command and is roff without mistakes")
  func manual() async throws {
    let page = try await Program.succeed(["completions", "man"], in: workspace).output
    #expect(page.hasPrefix(".TH \"MINIMIND-DPO\" 1"))
    let overview = try await Program.succeed(["help"], in: workspace).output
    for command in overview.matches(of: /\n  ([a-z]+) +[A-Z]/).map({ String($0.1) }) where command != "help" {
      #expect(page.contains(".SH MINIMIND\\-DPO \(command.uppercased())"), "\(command)")
    }
    try workspace.write(page, to: "minimind-dpo.1")
    guard let groff = Self.program("groff") else { return }
    let outcome = try await Program.run(
      ["-man", "-Tutf8", "-ww", "-z", "minimind-dpo.1"], in: workspace, program: groff)
    #expect(outcome.code == 0 && outcome.messages.isEmpty, "\(outcome.messages)")
  }

  /// A program on the path; nil where it is not installed.
  private static func program(_ name: String) -> URL? {
    ["/bin", "/usr/bin", "/usr/local/bin"].map { URL(fileURLWithPath: "\($0)/\(name)") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }
}
