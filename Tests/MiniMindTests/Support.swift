import Checkpoints
import Foundation
import MiniMind
import OrderedCollections
import OrderedJSON
import Testing
import Torch

/// A model whose numbers `transformers` has computed; made by Tools/reference/models.py.
struct Golden {
  let folder: URL
  private let numbers: SafetensorsFile

  init(_ name: String) throws {
    folder = try goldens().appendingPathComponent(name)
    numbers = try SafetensorsFile(contentsOf: folder.appendingPathComponent("golden.safetensors"))
  }

  /// The model of the folder, described by one of its configuration files.
  func model(_ configuration: String = "config.json") throws -> CausalLM {
    guard configuration != "config.json" else { return try CausalLM.pretrained(folder) }
    let scratch = try Scratch()
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent(configuration), to: scratch.file("config.json"))
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent("model.safetensors"), to: scratch.file("model.safetensors"))
    return try CausalLM.pretrained(scratch.url)
  }

  var names: [String] { numbers.names }

  func tensor(_ name: String) throws -> Tensor { try numbers.tensor(name) }

  /// The `[2, …]` ids of a name, row by row.
  func ids(_ name: String = "input_ids") throws -> [[Int]] {
    let tensor = try self.tensor(name)
    return try (0..<2).map { try tensor.select(0, $0).array(Int.self) }
  }
}

func goldens() throws -> URL {
  try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
}

extension CausalLM {
  /// Logits of several sequences, run at once: `[all tokens, vocabulary]`.
  func logits(of rows: [[Int]]) throws -> Tensor {
    try logits(
      Tensor(rows.flatMap(\.self)), positions: Tensor(rows.flatMap { Array($0.indices) }),
      pattern: PackedTrees(rows.map { Tree(prefix: $0.count) }))
  }

  /// log p of each token except the first of each row, row after row.
  func nextTokenLogProbabilities(of rows: [[Int]]) throws -> Tensor {
    let hidden = try hiddenStates(
      Tensor(rows.flatMap(\.self)), positions: Tensor(rows.flatMap { Array($0.indices) }),
      pattern: PackedTrees(rows.map { Tree(prefix: $0.count) }))
    var predictors: [Int] = []
    var start = 0
    for row in rows {
      predictors += start..<start + row.count - 1
      start += row.count
    }
    return try logProbabilities(
      hidden.indexSelect(0, Tensor(predictors)), of: Tensor(rows.flatMap { $0.dropFirst() }))
  }

  /// Whether both hold the same bits under the same names.
  func hasSameWeights(as other: CausalLM) throws -> Bool {
    try bits().map(\.name) == other.bits().map(\.name) && bits().map(\.bits) == other.bits().map(\.bits)
  }

  private func bits() throws -> [(name: String, bits: [UInt32])] {
    try namedParameters.map { name, parameter in
      (name, try parameter.value.detached().array(Float.self).map(\.bitPattern))
    }
  }
}

/// The largest absolute difference of two tensors with the same number of elements.
func largestDifference(_ first: Tensor, _ second: Tensor) throws -> Double {
  try withoutGrad {
    try first.detached().reshape([-1]).subtract(second.detached().reshape([-1])).abs().max().item()
  }
}

/// A folder of its own for a test, removed with it.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("models-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// A configuration as MiniMind writes it, small, with changes.
func smallConfiguration(_ changes: JSON.Object = [:]) throws -> ModelConfiguration {
  try ModelConfiguration(smallJSON(changes))
}

func smallJSON(_ changes: JSON.Object = [:]) -> JSON {
  var object: JSON.Object = [
    "model_type": "qwen3", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
    "tie_word_embeddings": true, "max_position_embeddings": 128,
  ]
  for (name, value) in changes { object[name] = value }
  return .object(object)
}

/// A model with random weights.
func smallModel(_ changes: JSON.Object = [:], seed: UInt64 = 1) throws -> CausalLM {
  let model = try CausalLM(smallConfiguration(changes))
  try model.initializeRandomly(seed: seed)
  return model
}

typealias NamedTensors = OrderedDictionary<String, Tensor>

func write(_ tensors: NamedTensors, to file: URL) throws { try Safetensors.write(tensors, to: file) }
