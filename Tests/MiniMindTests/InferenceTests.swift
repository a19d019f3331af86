import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Configurations inferred from the tensors of a bare weight file")
struct InferenceTests {
  /// Shapes that MiniMind's files have, small.
  static let shapes: [(name: String, changes: JSON.Object)] = [
    ("MiniMind-3", ["num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 8, "hidden_size": 64]),
    (
      "MiniMind2",
      [
        "model_type": "llama", "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 8, "hidden_size": 64,
        "rms_norm_eps": 1e-5, "num_hidden_layers": 12,
      ]
    ),
    ("a head size of its own", ["num_attention_heads": 4, "head_dim": 24]),
    ("an untied head", ["tie_word_embeddings": false]),
  ]

  @Test("The configuration of a .pth is that of the folder it came from", arguments: shapes)
  func inferred(name: String, changes: JSON.Object) throws {
    let scratch = try Scratch()
    let model = try smallModel((["max_position_embeddings": 32768] as JSON.Object).merging(changes))
    let file = scratch.file("dpo_64.pth")
    try ModelFiles.writeTorchFile(model, to: file, dtype: .float32)
    let loaded = try CausalLM.pretrained(file)
    var (expected, found) = (model.configuration, loaded.configuration)
    #expect(found.endTokenIDs == [2])
    (expected.endTokenIDs, expected.source) = ([], .null)
    (found.endTokenIDs, found.source) = ([], .null)
    #expect(found == expected)
    #expect(try loaded.hasSameWeights(as: model))
  }

  @Test("The goldens' weights as bare files give the goldens' logits", arguments: ["qwen3", "llama", "minimind_moe"])
  func goldens(folder: String) throws {
    let golden = try Golden(folder)
    let scratch = try Scratch()
    let file = scratch.file("full_sft.pth")
    try ModelFiles.writeTorchFile(golden.model(), to: file, dtype: .float32)
    let state = try StateDictionary(contentsOf: file)
    // Without QK-norm nothing in the file tells the number of heads: it is 8 unless said otherwise.
    let model = try CausalLM(ModelConfiguration(inferredFrom: state, headCount: folder == "llama" ? 4 : nil))
    try model.load(state)
    let logits = try withoutGrad { try model.logits(of: golden.ids()) }
    #expect(try largestDifference(logits, golden.tensor("logits")) < 1e-4)
  }

  @Test("MiniMind's scaling of positions can be requested")
  func scaling() throws {
    let scratch = try Scratch()
    try ModelFiles.writeTorchFile(smallModel(), to: scratch.file("a.pth"))
    let state = try StateDictionary(contentsOf: scratch.file("a.pth"))
    #expect(try ModelConfiguration(inferredFrom: state).rope == RotaryConfiguration(base: 1e6))
    #expect(
      try ModelConfiguration(inferredFrom: state, scalesRotation: true).rope.scaling
        == .yarn(factor: 16, originalPositions: 2048, betaFast: 32, betaSlow: 1, attentionFactor: 1))
  }

  @Test("A weight file of Hugging Face is described by the config.json next to it, a .pth by its tensors alone")
  func neighbour() throws {
    let scratch = try Scratch()
    let model = try smallModel(["rope_theta": 5e4])
    try ModelFiles.writeFolder(model, to: scratch.url, tokenizer: nil)
    try ModelFiles.writeTorchFile(model, to: scratch.file("a.pth"))
    #expect(try CausalLM.pretrained(scratch.file("model.safetensors")).configuration.rope.base == 5e4)
    #expect(try CausalLM.pretrained(scratch.file("a.pth")).configuration.rope.base == 1e6)
  }

  @Test("Other weights are refused: experts that all tokens share, no embedding, heads that do not divide")
  func refused() throws {
    let scratch = try Scratch()
    let tensors = try smallModel(["model_type": "llama"]).tensors(dtype: .float32)

    var experts = tensors
    experts["model.layers.0.mlp.shared_experts.0.up_proj.weight"] = try .zeros([2, 2])
    #expect(
      try refusal(experts, in: scratch).contains(
        "holds model.layers.0.mlp.shared_experts.0.up_proj.weight: experts that all tokens share"))

    var biased = tensors
    biased["model.layers.0.self_attn.q_proj.bias"] = try .zeros([32])
    #expect(try refusal(biased, in: scratch).contains("name the Hugging Face folder, with its config.json"))

    var headless = tensors
    headless["model.embed_tokens.weight"] = nil
    #expect(try refusal(headless, in: scratch).contains("has no matrix model.embed_tokens.weight"))

    #expect(
      try refusal(tensors, in: scratch, heads: 5).contains(
        "q_proj of shape [32, 32] and k_proj of shape [16, 32] do not divide into 5 heads"))
  }

  private func refusal(_ tensors: NamedTensors, in scratch: Scratch, heads: Int? = nil) throws -> String {
    let file = scratch.file("\(UUID().uuidString).safetensors")
    try write(tensors, to: file)
    let error = try #require(throws: ModelConfigurationError.self) {
      try ModelConfiguration(inferredFrom: StateDictionary(contentsOf: file), headCount: heads)
    }
    #expect(error.file == file.path)
    return error.reason
  }
}
