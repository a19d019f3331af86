import Checkpoints
import Foundation
import MiniMind
import Testing
import Torch

/// A Python with what Tools/reference/requirements.txt names.
private let python = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"]

@Suite(
  "What is saved opens in Python (Tools/reference/open_saved.py)",
  .enabled(if: python != nil, "MINIMIND_REFERENCE_PYTHON names no interpreter with torch and transformers"))
struct ReferenceInterpreterTests {
  /// What is saved, and where it was put.
  private struct Saved {
    let name: String
    let model: CausalLM
    let ids: [Int]
    let scratch: Scratch
  }

  @Test("Folders in transformers and .pth files in torch.load give the same logits")
  func logits() throws {
    var all: [Saved] = []
    for (name, configuration) in [
      ("qwen3", "config.json"), ("qwen3_yarn", "config_minimind.json"), ("qwen3_yarn", "config_v4.json"),
      ("minimind", "config_minimal.json"), ("llama", "config_minimind.json"), ("llama_untied", "config.json"),
      ("llama3_rope", "config.json"), ("qwen3_moe", "config_plain.json"), ("minimind_moe", "config.json"),
    ] {
      all.append(try saved(name, configuration) { try ModelFiles.writeFolder($0, to: $1.url, tokenizer: nil) })
    }
    for dtype in [DType.float32, .float16] {
      for name in ["qwen3", "llama_untied"] {
        all.append(
          try saved(name) { model, scratch in
            try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil)
            try FileManager.default.removeItem(at: scratch.file("model.safetensors"))
            try ModelFiles.writeTorchFile(model, to: scratch.file("weights.pth"), dtype: dtype)
            // What float16 rounds is rounded here too before the two are compared.
            try model.load(StateDictionary(contentsOf: scratch.file("weights.pth")))
          })
      }
    }
    try runScript(all.map(\.scratch.url.path))
    for saved in all {
      let logits = try withoutGrad { try saved.model.logits(of: [saved.ids]) }
      let theirs = try SafetensorsFile(contentsOf: saved.scratch.file("logits.safetensors")).tensor("logits")
      #expect(try largestDifference(logits, theirs) < 1e-4, "\(saved.name)")
    }
  }

  private func saved(
    _ name: String, _ configuration: String = "config.json", _ save: (CausalLM, Scratch) throws -> Void
  ) throws -> Saved {
    let golden = try Golden(name)
    let saved = Saved(
      name: "\(name)/\(configuration)", model: try golden.model(configuration), ids: try golden.ids()[0],
      scratch: try Scratch())
    try Data(saved.ids.description.utf8).write(to: saved.scratch.file("ids.json"))
    try save(saved.model, saved.scratch)
    return saved
  }

  private func runScript(_ arguments: [String]) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Tools/reference/open_saved.py").standardizedFileURL
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(python))
    process.arguments = [script.path] + arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}
