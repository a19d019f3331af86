import Checkpoints
import Files
import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Saving")
struct SavingTests {
  static let folders = [
    "qwen3", "qwen3_moe", "minimind_moe", "qwen3_yarn", "minimind", "llama", "llama_untied", "llama3_rope",
  ]
  static let withBiases = ["qwen2", "llama_biases"]

  @Test("A written folder loads as the same model, bit for bit", arguments: folders + withBiases)
  func folder(name: String) throws {
    let scratch = try Scratch()
    let model = try Golden(name).model()
    try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil)
    let loaded = try CausalLM.pretrained(scratch.url)
    #expect(try loaded.hasSameWeights(as: model))
    #expect(comparable(loaded.configuration) == comparable(model.configuration))
  }

  @Test(
    "MiniMind's spellings are translated into those of `transformers`",
    arguments: [
      ("minimind", "config.json", "qwen3"), ("minimind", "config_minimal.json", "qwen3"),
      ("llama", "config_minimind.json", "llama"), ("qwen3_yarn", "config_minimind.json", "qwen3"),
    ])
  func translation(name: String, configuration: String, type: String) throws {
    let scratch = try Scratch()
    let model = try Golden(name).model(configuration)
    try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil)
    let json = try JSON(parsing: Data(contentsOf: scratch.file("config.json")))
    #expect(json["model_type"]?.string == type)
    #expect(json["architectures"]?[0]?.string == (type == "qwen3" ? "Qwen3ForCausalLM" : "LlamaForCausalLM"))
    let loaded = try CausalLM.pretrained(scratch.url)
    #expect(comparable(loaded.configuration) == comparable(model.configuration))
    #expect(try loaded.hasSameWeights(as: model))
  }

  @Test("A configuration of Hugging Face is written back unchanged, except for the dtype")
  func untouched() throws {
    let scratch = try Scratch()
    let model = try Golden("qwen3").model()
    try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil, dtype: .bfloat16)
    let written = try #require(try JSON(parsing: Data(contentsOf: scratch.file("config.json"))).object)
    var expected = try #require(model.configuration.source.object)
    expected["dtype"] = "bfloat16"
    #expect(written == expected)
    let file = try SafetensorsFile(contentsOf: scratch.file("model.safetensors"))
    #expect(file.metadata["format"] == "pt")
    #expect(file.names.allSatisfy { file[$0]?.dtype == .bfloat16 })
    #expect(Set(file.names) == Set(model.namedParameters.map(\.name)))
  }

  @Test("A written .pth loads as the same model, and has the head under its own name too", arguments: folders)
  func torchFile(name: String) throws {
    let scratch = try Scratch()
    let model = try Golden(name).model()
    let file = scratch.file("dpo.pth")
    try ModelFiles.writeTorchFile(model, to: file, dtype: .float32)
    let tensors = try TorchShards.namedTensors(in: file)
    #expect(
      Array(tensors.keys) == model.namedParameters.map(\.name).filter { $0 != "lm_head.weight" } + ["lm_head.weight"])
    let loaded = try CausalLM(model.configuration)
    try loaded.load(StateDictionary(contentsOf: file))
    #expect(try loaded.hasSameWeights(as: model))
  }

  @Test("A .pth has float16 weights by default, each rounded to nearest")
  func halves() throws {
    let scratch = try Scratch()
    let model = try smallModel()
    let file = scratch.file("dpo.pth")
    try ModelFiles.writeTorchFile(model, to: file)
    let tensors = try TorchShards.namedTensors(in: file)
    for (name, parameter) in model.namedParameters {
      let stored = try #require(tensors[name])
      #expect(stored.dtype == .float16)
      #expect(try largestDifference(stored.tensor().to(.float32), parameter.value.to(.float16).to(.float32)) == 0)
    }
  }

  @Test("The tokenizer's files are copied, unless the folder is the tokenizer's own")
  func tokenizer() throws {
    let (source, target) = (try Scratch(), try Scratch())
    try Data("{}".utf8).write(to: source.file("tokenizer.json"))
    try Data("{{ x }}".utf8).write(to: source.file("chat_template.jinja"))
    try Data("secret".utf8).write(to: source.file("notes.txt"))
    try ModelFiles.writeFolder(smallModel(), to: target.url, tokenizer: source.url)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: target.url.path).sorted()
        == ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"])
    #expect(try Data(contentsOf: target.file("chat_template.jinja")) == Data("{{ x }}".utf8))
    try ModelFiles.writeFolder(smallModel(seed: 2), to: target.url, tokenizer: target.url)
    #expect(try CausalLM.pretrained(target.url).hasSameWeights(as: smallModel(seed: 2)))
  }

  @Test("A folder that cannot be written is an error that names it")
  func unwritable() throws {
    let scratch = try Scratch()
    let file = scratch.file("file")
    try Data().write(to: file)
    let inside = file.appendingPathComponent("model")
    let error = try #require(throws: FileError.self) {
      try ModelFiles.writeFolder(smallModel(), to: inside, tokenizer: nil)
    }
    #expect(error.isWriteFailure)
    #expect(error.file.hasPrefix(inside.path))
    let other = try #require(throws: FileError.self) {
      try ModelFiles.writeTorchFile(smallModel(), to: inside.appendingPathComponent("a.pth"))
    }
    #expect(other.isWriteFailure)
  }

  /// What decides the numbers: two spellings of one model differ in nothing else.
  private func comparable(_ configuration: ModelConfiguration) -> ModelConfiguration {
    var configuration = configuration
    (configuration.source, configuration.family) = (.null, .qwen3)
    return configuration
  }
}
