import Checkpoints
import Files
import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Strict loading")
struct LoadingTests {
  @Test("Every mismatch is listed with its full name, and the model stays unchanged")
  func misfits() throws {
    let scratch = try Scratch()
    let model = try smallModel(seed: 1)
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    tensors["model.layers.0.mlp.up_proj.weight"] = nil
    tensors["model.norm.weight"] = nil
    tensors["model.layers.2.mlp.up_proj.weight"] = try .zeros([48, 32])
    tensors["model.layers.1.self_attn.q_proj.bias"] = try .zeros([32])
    tensors["model.layers.1.self_attn.k_proj.weight"] = try .zeros([32, 32])
    tensors["model.embed_tokens.weight"] = try .zeros([70, 32])
    let error = try mismatch(model, tensors, in: scratch)
    #expect(error.missing == ["model.layers.0.mlp.up_proj.weight", "model.norm.weight"])
    #expect(
      Set(error.unexpected) == ["model.layers.2.mlp.up_proj.weight", "model.layers.1.self_attn.q_proj.bias"])
    #expect(error.misshapen.map(\.name) == ["model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight"])
    let lines = error.description.split(separator: "\n")
    #expect(lines.first == "\(scratch.file("a.safetensors").path): the weights do not fit the model.")
    #expect(lines.contains("  missing: model.norm.weight"))
    #expect(lines.contains("  unexpected: model.layers.1.self_attn.q_proj.bias"))
    #expect(lines.contains("  shape: model.embed_tokens.weight is [70, 32] in the file, [64, 32] in the model"))
    #expect(try model.hasSameWeights(as: smallModel(seed: 1)))
  }

  @Test("A head next to tied embeddings must be a copy of them")
  func tiedHead() throws {
    let scratch = try Scratch()
    let model = try smallModel(seed: 1)
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    try load(model, tensors, in: scratch)
    #expect(try model.hasSameWeights(as: smallModel(seed: 2)))

    tensors["lm_head.weight"] = try smallModel(seed: 3).tensors(dtype: .float32)["model.embed_tokens.weight"]
    let error = try mismatch(model, tensors, in: scratch)
    #expect(error.missing.isEmpty && error.misshapen.isEmpty)
    #expect(
      error.unexpected == [
        "lm_head.weight (differs from model.embed_tokens.weight although the configuration ties them)"
      ])
  }

  @Test("An untied model needs its own head")
  func untiedHead() throws {
    let scratch = try Scratch()
    let model = try smallModel(["tie_word_embeddings": false])
    let error = try mismatch(model, smallModel().tensors(dtype: .float32), in: scratch)
    #expect(error.missing == ["lm_head.weight"])
  }

  @Test(
    "Values that are not finite are found, and every tensor that has some is named with their number",
    arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    let scratch = try Scratch()
    let model = try smallModel()
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    for (name, places) in [("model.norm.weight", [31]), ("model.layers.1.mlp.up_proj.weight", [0, 7, 1000])] {
      let shape = try #require(tensors[name]?.shape)
      var values = try #require(try tensors[name]?.array(Float.self))
      for place in places { values[place] = value }
      tensors[name] = try Tensor(values).view(shape)
    }
    let error = try #require(throws: WeightsNotFinite.self) { try load(model, tensors, in: scratch) }
    #expect(error.source == scratch.file("a.safetensors").path)
    #expect(error.tensors.map(\.name) == ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"])
    #expect(error.tensors.map(\.notFinite) == [3, 1])
    #expect(error.description.contains("  model.layers.1.mlp.up_proj.weight: 3 of 1536\n"))
    #expect(error.description.contains("  model.norm.weight: 1 of 32\n"))
  }

  @Test("Infinities that cancel each other in a sum are found as well, and so is a float16 file that overflowed")
  func cancelling() throws {
    let scratch = try Scratch()
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    var values = try #require(try tensors["model.norm.weight"]?.array(Float.self))
    (values[0], values[1]) = (.infinity, -.infinity)
    tensors["model.norm.weight"] = try Tensor(values)
    #expect(throws: WeightsNotFinite.self) { try load(smallModel(), tensors, in: scratch) }
    (values[0], values[1]) = (70000, 1)
    tensors["model.norm.weight"] = try Tensor(values).to(.float16)
    let error = try #require(throws: WeightsNotFinite.self) { try load(smallModel(), tensors, in: scratch) }
    #expect(error.tensors.map(\.notFinite) == [1])
  }

  @Test("Finite weights whose sum overflows are loaded")
  func large() throws {
    let scratch = try Scratch()
    let model = try smallModel()
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    tensors["model.norm.weight"] = try Tensor([Float](repeating: 3e38, count: 32))
    try load(model, tensors, in: scratch)
    #expect(try model.tensors(dtype: .float32)["model.norm.weight"]?.max().item() == Double(Float(3e38)))
  }

  @Test("NaN in a tied head and its copy is found as NaN, not as a difference between them")
  func tiedNotFinite() throws {
    let scratch = try Scratch()
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    var values = try #require(try tensors["model.embed_tokens.weight"]?.array(Float.self))
    values[5] = .nan
    tensors["model.embed_tokens.weight"] = try Tensor(values).view([64, 32])
    tensors["lm_head.weight"] = try Tensor(values).view([64, 32])
    let error = try #require(throws: WeightsNotFinite.self) { try load(smallModel(), tensors, in: scratch) }
    #expect(error.tensors.map(\.name) == ["model.embed_tokens.weight"])
  }

  @Test("Tables that follow from the configuration are ignored, and prefixes of wrappers removed")
  func harmless() throws {
    let scratch = try Scratch()
    let model = try smallModel(seed: 1)
    var tensors = try smallModel(seed: 2).tensors(dtype: .float32)
    tensors["model.freqs_cos"] = try .zeros([4, 4])
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = try .zeros([4])
    try load(model, tensors, in: scratch)
    #expect(try model.hasSameWeights(as: smallModel(seed: 2)))

    let wrapped = try smallModel(seed: 3).tensors(dtype: .float32).map {
      (key: "module._orig_mod." + $0.key, value: try StoredTensor($0.value))
    }
    let file = scratch.file("resume.pth")
    try TorchArchive.write(.dictionary(["model": TorchValue(stateDict: wrapped), "step": .integer(3)]), to: file)
    try model.load(StateDictionary(contentsOf: file))
    #expect(try model.hasSameWeights(as: smallModel(seed: 3)))
  }

  @Test("Weights of any type become the model's", arguments: [DType.float16, .bfloat16, .float64])
  func types(dtype: DType) throws {
    let scratch = try Scratch()
    let model = try smallModel(seed: 1)
    let other = try smallModel(seed: 2)
    try load(model, other.tensors(dtype: dtype), in: scratch)
    for ((_, mine), (_, theirs)) in zip(model.namedParameters, other.namedParameters) {
      #expect(mine.value.dtype == .float32)
      #expect(try largestDifference(mine.value, theirs.value.to(dtype).to(.float32)) == 0)
    }
  }

  @Test("Parameters are in one buffer, and loading changes them there")
  func buffer() throws {
    let scratch = try Scratch()
    let model = try smallModel(seed: 1)
    try load(model, smallModel(seed: 2).tensors(dtype: .float32), in: scratch)
    #expect(try largestDifference(model.weights.storage, smallModel(seed: 2).weights.storage) == 0)
  }

  @Test("A location that does not exist or has no weights is named")
  func nothing() throws {
    let scratch = try Scratch()
    func failure(_ location: URL) throws -> FileError {
      try #require(throws: FileError.self) { try CausalLM.pretrained(location) }
    }
    let absent = scratch.file("absent")
    #expect(try failure(absent).reason == .missing)
    #expect(try failure(absent).file == absent.path)
    #expect(try failure(scratch.url).reason == .missing)
    try TorchArchive.write(.dictionary(["step": .integer(3)]), to: scratch.file("a.pth"))
    #expect(try failure(scratch.file("a.pth")).problem == "has no dictionary of named tensors")
    try Data("no model".utf8).write(to: scratch.file("b.pth"))
    #expect(try failure(scratch.file("b.pth")).reason == .damaged)
  }

  private func load(_ model: CausalLM, _ tensors: NamedTensors, in scratch: Scratch) throws {
    let file = scratch.file("a.safetensors")
    try write(tensors, to: file)
    try model.load(StateDictionary(contentsOf: file))
  }

  private func mismatch(_ model: CausalLM, _ tensors: NamedTensors, in scratch: Scratch) throws -> WeightMismatch {
    try #require(throws: WeightMismatch.self) { try load(model, tensors, in: scratch) }
  }
}
