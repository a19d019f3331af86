import Foundation
import MiniMind
import OrderedJSON
import Testing
import Torch

@Suite("Forward and backward, as `transformers` computes them (Tools/reference/models.py)")
struct ForwardTests {
  /// A folder, one of the spellings of its configuration, and which logits belong to it.
  static let spellings: [(folder: String, configuration: String, logits: String)] = [
    ("qwen3", "config.json", "logits"),
    ("qwen3_bf16", "config.json", "logits"),
    ("qwen3_yarn", "config.json", "logits"),
    ("qwen3_yarn", "config_v4.json", "logits"),
    ("qwen3_yarn", "config_minimind.json", "logits_minimind"),
    ("minimind", "config.json", "logits"),
    ("minimind", "config_minimal.json", "logits"),
    ("llama", "config.json", "logits"),
    ("llama", "config_minimind.json", "logits"),
    ("llama_untied", "config.json", "logits"),
    ("llama3_rope", "config.json", "logits"),
    ("llama3_rope", "config_v4.json", "logits"),
    ("llama_biases", "config.json", "logits"),
    ("qwen2", "config.json", "logits"),
    ("qwen3_moe", "config.json", "logits"),
    ("qwen3_moe", "config_plain.json", "logits_plain"),
    ("minimind_moe", "config.json", "logits"),
  ]

  @Test("Logits are within 1e-4, whatever spelling the configuration has", arguments: spellings)
  func logits(folder: String, configuration: String, logits: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model(configuration)
    let found = try withoutGrad { try model.logits(of: golden.ids()) }
    #expect(found.shape == [80, model.configuration.vocabularySize])
    #expect(try largestDifference(found, golden.tensor(logits)) < 1e-4)
  }

  @Test("No configuration file of the goldens goes untested")
  func allSpellings() throws {
    var found: Set<String> = []
    for folder in try FileManager.default.contentsOfDirectory(atPath: goldens().path) {
      let path = try goldens().appendingPathComponent(folder).path
      for file in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where file.hasPrefix("config") {
        found.insert("\(folder)/\(file)")
      }
    }
    #expect(found == Set(Self.spellings.map { "\($0.folder)/\($0.configuration)" }))
  }

  @Test(
    "Log-probabilities of next tokens are within 1e-4",
    arguments: [
      "qwen3", "qwen3_bf16", "qwen3_yarn", "minimind", "llama", "llama_untied", "llama3_rope", "llama_biases", "qwen2",
      "qwen3_moe", "minimind_moe",
    ])
  func logProbabilities(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    let found = try withoutGrad { try model.nextTokenLogProbabilities(of: golden.ids()) }
    #expect(found.dtype == .float32)
    #expect(try largestDifference(found, golden.tensor("next_token_logprobs")) < 1e-4)
  }

  @Test(
    "Each parameter's gradient has the norm of the reference, within 1e-4 of it",
    arguments: ["qwen3", "qwen2", "llama"])
  func gradients(folder: String) throws {
    let golden = try Golden(folder)
    let model = try golden.model()
    for (_, parameter) in model.namedParameters { try parameter.value.setRequiresGrad(true) }
    let loss = try model.nextTokenLogProbabilities(of: golden.ids()).mean().negated()
    #expect(abs(try loss.item() - golden.tensor("loss").item()) < 1e-5)
    try loss.backward()
    for (name, parameter) in model.namedParameters {
      let expected = try golden.tensor("gradient_norm/\(name)").item()
      let norm = try #require(try parameter.value.gradient(), "\(name) has no gradient").norm().item()
      #expect(abs(norm - expected) <= 1e-4 * expected, "\(name): \(norm), reference \(expected)")
    }
    let known = golden.names.filter { $0.hasPrefix("gradient_norm/") }.count
    #expect(known == model.namedParameters.count)
  }

  @Test("A token outside the vocabulary is an error")
  func unknownToken() throws {
    let model = try smallModel()
    #expect(throws: TorchError.self) { try model.logits(of: [[1, 64]]) }
    #expect(throws: TorchError.self) { try model.logits(of: [[-1]]) }
  }

  @Test(
    "Random weights follow their seed: matrices with deviation 0.02, norms 1, biases 0", arguments: ["qwen3", "qwen2"])
  func initialization(type: String) throws {
    let shape: JSON.Object = ["vocab_size": 2000, "model_type": .string(type)]
    let model = try smallModel(shape, seed: 3)
    #expect(try model.hasSameWeights(as: smallModel(shape, seed: 3)))
    #expect(try !model.hasSameWeights(as: smallModel(shape, seed: 4)))
    for (name, parameter) in model.namedParameters {
      let value = parameter.value
      if name.contains("norm") || name.hasSuffix(".bias") {
        #expect(try value.equal(name.hasSuffix(".bias") ? 0 : 1).all().item() == 1)
      } else {
        let deviation = try value.multiply(value).mean().item().squareRoot()
        #expect(abs(deviation - 0.02) < 0.002, "\(name)")
      }
    }
  }
}
