import Checkpoints
import Files
import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

/// Hugging Face folders as `transformers` wrote large models before safetensors.
@Suite("Models in several files of torch.save")
struct ShardTests {
  let scratch: Scratch
  let model: CausalLM

  init() throws {
    scratch = try Scratch()
    model = try smallModel(seed: 5)
  }

  /// Distributes the tensors over shards in turn, and writes the index.
  private func writeShards(_ count: Int, naming: (String) -> String = { $0 }) throws {
    try Data(model.configuration.source.serialized().utf8).write(to: scratch.file("config.json"))
    let tensors = try model.tensors(dtype: .float32).elements
    var map: [(String, JSON)] = []
    for shard in 0..<count {
      let file = "pytorch_model-\(shard + 1)-of-\(count).bin"
      let part = try tensors.enumerated().filter { $0.offset % count == shard }.map {
        (key: naming($0.element.key), value: try StoredTensor($0.element.value))
      }
      try TorchArchive.write(TorchValue(stateDict: part), to: scratch.file(file))
      map += part.map { ($0.key, .string(file)) }
    }
    try writeIndex(map)
  }

  private func writeIndex(_ map: [(key: String, value: JSON)]) throws {
    let index: JSON = ["metadata": ["total_size": 1], "weight_map": .object(JSON.Object(map))]
    try Data(index.serialized().utf8).write(to: scratch.file("pytorch_model.bin.index.json"))
  }

  private func failure() throws -> FileError {
    try #require(throws: FileError.self) { try CausalLM.pretrained(scratch.url) }
  }

  @Test("pytorch_model.bin.index.json with its shards gives the model", arguments: [1, 3])
  func shards(count: Int) throws {
    try writeShards(count)
    #expect(try CausalLM.pretrained(scratch.url).hasSameWeights(as: model))
  }

  @Test("Prefixes of wrappers are removed from names in shards too")
  func wrapped() throws {
    try writeShards(2) { "module." + $0 }
    #expect(try CausalLM.pretrained(scratch.url).hasSameWeights(as: model))
  }

  @Test("Whole files win over shards, and safetensors over torch.save, as in `transformers`")
  func order() throws {
    try writeShards(2)
    let whole = try smallModel(seed: 6)
    try ModelFiles.writeTorchFile(whole, to: scratch.file("pytorch_model.bin"), dtype: .float32)
    #expect(try CausalLM.pretrained(scratch.url).hasSameWeights(as: whole))
    let safe = try smallModel(seed: 7)
    try write(safe.tensors(dtype: .float32), to: scratch.file("model.safetensors"))
    #expect(try CausalLM.pretrained(scratch.url).hasSameWeights(as: safe))
  }

  @Test("Missing shards, damaged shards, and shards without a tensor of the index are named")
  func broken() throws {
    try writeShards(2)
    let second = scratch.file("pytorch_model-2-of-2.bin")
    let bytes = try Data(contentsOf: second)
    try FileManager.default.removeItem(at: second)
    let missing = try failure()
    #expect(missing.reason == .missing && missing.problem.contains("pytorch_model-2-of-2.bin"))
    try Data().write(to: second)
    #expect(try failure().reason == .damaged && failure().file == second.path)
    try bytes.write(to: second)
    let names = try model.tensors(dtype: .float32).keys
    try writeIndex(names.map { ($0, "pytorch_model-1-of-2.bin") })
    let wrong = try failure()
    #expect(wrong.reason == .damaged && wrong.file.hasSuffix("pytorch_model.bin.index.json"))
    #expect(wrong.problem.contains("model.layers.0.self_attn.q_proj.weight"))
  }

  @Test("A folder without weights says which files were looked for")
  func nothing() throws {
    try Data(model.configuration.source.serialized().utf8).write(to: scratch.file("config.json"))
    let error = try failure()
    #expect(error.reason == .missing)
    for name in [
      "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    ] {
      #expect(error.problem.contains(name))
    }
  }
}
