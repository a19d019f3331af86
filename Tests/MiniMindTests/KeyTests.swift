import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Names and shapes of the real sizes, as `transformers` has them (Tools/reference/models.py)")
struct KeyTests {
  @Test("MiniMind-3 has the tensors of Qwen3ForCausalLM")
  func miniMind3() throws {
    let configuration = try ModelConfiguration(["model_type": "minimind", "eos_token_id": 2])
    #expect(configuration.intermediateSize == 2432)
    try check(configuration, against: read("minimind3_keys.json"))
  }

  @Test(
    "MiniMind2 has the tensors of LlamaForCausalLM", arguments: [("minimind2-small", 512, 8), ("minimind2", 768, 16)])
  func miniMind2(name: String, hidden: Int, layers: Int) throws {
    let configuration = try ModelConfiguration([
      "model_type": "llama", "vocab_size": 6400, "hidden_size": .integer(hidden), "num_hidden_layers": .integer(layers),
      "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": true,
      "intermediate_size": .integer(ModelConfiguration.miniMind2IntermediateSize(hidden: hidden)),
    ])
    try check(configuration, against: #require(read("minimind2_keys.json")[name]))
  }

  private func read(_ name: String) throws -> JSON {
    try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent(name)))
  }

  private func check(_ configuration: ModelConfiguration, against golden: JSON) throws {
    let model = try CausalLM(configuration)
    var expected = try #require(golden["tensors"]?.object).map { ($0.key, $0.value.array?.compactMap(\.int) ?? []) }
    // The tied head is the embedding, and is kept once.
    #expect(expected.last?.0 == "lm_head.weight")
    expected.removeLast()
    #expect(model.namedParameters.map(\.name) == expected.map(\.0))
    #expect(model.namedParameters.map(\.parameter.shape) == expected.map(\.1))
    #expect(model.namedParameters.map(\.parameter.value.shape) == expected.map(\.1))
    #expect(configuration.parameterCount == golden["parameters"]?.int)
    #expect(model.namedParameters.map(\.parameter.count).reduce(0, +) == golden["parameters"]?.int)
  }
}
