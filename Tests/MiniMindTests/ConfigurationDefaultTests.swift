import Foundation
import MiniMind
import OrderedJSON
import Testing

/// A config.json and what the classes of `transformers` make of it.
private struct ReferenceConfiguration: CustomTestStringConvertible, Sendable {
  let config: JSON
  let expected: JSON

  var testDescription: String { config.serialized(.compact) }

  static func all(_ list: String) throws -> [ReferenceConfiguration] {
    try #require(golden()[list]?.array).map { ReferenceConfiguration(config: try #require($0["config"]), expected: $0) }
  }

  static func golden() throws -> JSON {
    try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("configurations.json")))
  }
}

@Suite("Absent keys of config.json, as `transformers` takes them (Tools/reference/configurations.py)")
struct ConfigurationDefaultTests {
  /// Every key that the program reads from config.json and whose value changes the network or where an answer ends.
  static let keys: [(key: String, value: @Sendable (ModelConfiguration) -> JSON)] = [
    ("vocab_size", { .integer($0.vocabularySize) }),
    ("hidden_size", { .integer($0.hiddenSize) }),
    ("intermediate_size", { .integer($0.intermediateSize) }),
    ("num_hidden_layers", { .integer($0.layerCount) }),
    ("num_attention_heads", { .integer($0.headCount) }),
    ("num_key_value_heads", { .integer($0.keyValueHeadCount) }),
    ("head_dim", { .integer($0.headSize) }),
    ("max_position_embeddings", { .integer($0.maximumPositions) }),
    ("rms_norm_eps", { .number($0.normEpsilon) }),
    ("tie_word_embeddings", { .bool($0.tiesEmbeddings) }),
    ("rope_theta", { .number($0.rope.base) }),
    ("eos_token_id", { .array($0.endTokenIDs.map { .integer($0) }) }),
  ]

  @Test("A key that is absent, or null where that is allowed, has the default of its class")
  func defaults() throws {
    for reference in try ReferenceConfiguration.all("cases") {
      let configuration = try ModelConfiguration(reference.config)
      let values = try #require(reference.expected["values"]?.object)
      #expect(Set(values.keys) == Set(Self.keys.map(\.key)))
      for (key, value) in Self.keys {
        let found = value(configuration)
        let expected = try #require(values[key])
        if key == "eos_token_id" {
          let ids = expected.array ?? (expected == .null ? [] : [expected])
          #expect(found == .array(ids), "\(key) of \(reference)")
        } else if let number = expected.double {
          #expect(found.double == number, "\(key) of \(reference)")
        } else {
          #expect(found == expected, "\(key) of \(reference)")
        }
      }
    }
  }

  @Test(
    "Null is refused where the class refuses it, and the key is named",
    arguments: ["qwen3", "qwen2", "llama", "qwen3_moe"])
  func null(type: String) throws {
    let refused = try #require(ReferenceConfiguration.golden()["null_refused"]?[type]?.array).compactMap(\.string)
    #expect(refused.count >= 7)
    for key in refused {
      let error = try #require(throws: ModelConfigurationError.self) {
        try ModelConfiguration(smallJSON(["model_type": .string(type), key: .null]))
      }
      #expect(error.reason.hasPrefix("\"\(key)\" is null"), "\(error)")
    }
  }

  @Test("Heads rotate by the angles of the class's own rotary embedding, whichever keys are absent")
  func rotation() throws {
    for reference in try ReferenceConfiguration.all("rope") {
      guard let object = reference.config.object else { continue }
      let sizes: JSON.Object = ["hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16]
      let rope = try ModelConfiguration(.object(object.merging(sizes))).rope
      #expect(rope.base == reference.expected["theta"]?.double, "\(reference)")
      let frequencies = try #require(reference.expected["frequencies"]?.array).compactMap(\.double)
      let found = rope.frequencies(headSize: 16)
      #expect(found.count == frequencies.count)
      for (mine, theirs) in zip(found, frequencies) {
        #expect(abs(mine - theirs) <= 2e-6 * theirs, "\(mine) instead of \(theirs), \(reference)")
      }
      let amplitude = try #require(reference.expected["amplitude"]?.double)
      #expect(abs(rope.amplitude - amplitude) < 1e-12, "\(reference)")
    }
  }

  @Test("A configuration of MiniMind without an end token keeps MiniMind's when it becomes one of `transformers`")
  func translated() throws {
    let configuration = try ModelConfiguration(["model_type": "minimind"])
    let written = try ModelConfiguration(configuration.huggingFaceJSON(dtype: .float32))
    #expect(written.family == .qwen3)
    #expect(written.endTokenIDs == [2])
  }
}
