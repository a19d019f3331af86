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

  @Test("Adapters give the same logits in PEFT")
  func adapters() throws {
    func write(_ model: CausalLM, to scratch: Scratch) throws {
      try ModelFiles.writeFolder(model.base(), to: scratch.url, tokenizer: nil)
      let folder = scratch.file("adapter")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      let adapter = try #require(model.adapter)
      try AdapterFiles.writeFolder(adapter, of: model, to: folder, tokenizer: nil)
    }
    var all = try ["plain", "patterns", "rslora", "dora"].map { kind in
      try saved("qwen3") { model, scratch in
        try model.loadAdapter(goldens().appendingPathComponent("adapters/\(kind)"))
        try write(model, to: scratch)
      }
    }
    for configuration in [
      LoRAConfiguration(rank: 3, targets: .allLinear, usesRSLoRA: true),
      LoRAConfiguration(rank: 3, targets: .names(["layers.1.mlp.up_proj", "q_proj"]), usesDoRA: true),
      LoRAConfiguration(rank: 3, targets: .pattern(#".*\.[01]\.self_attn\.[qv]_proj"#), initialization: .gaussian),
    ] {
      all.append(
        try saved("qwen3") { model, scratch in
          try model.addAdapter(configuration, seed: 1)
          let generator = try Generator(seed: 2)
          for (name, parameter) in model.trainedParameters where name.contains("lora_B") {
            try parameter.value.fillNormal(deviation: 0.1, from: generator)
          }
          try write(model, to: scratch)
        })
    }
    try runScript(all.map(\.scratch.url.path))
    for saved in all {
      let logits = try withoutGrad { try saved.model.logits(of: [saved.ids]) }
      let theirs = try SafetensorsFile(contentsOf: saved.scratch.file("logits.safetensors")).tensor("logits")
      #expect(try largestDifference(logits, theirs) < 1e-4)
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
