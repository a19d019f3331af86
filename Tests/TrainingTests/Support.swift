import Checkpoints
import Foundation
import MiniMind
import OrderedCollections
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

func goldens() throws -> URL {
  try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
}

/// A small model with large random weights.
func smallModel(seed: UInt64 = 1) throws -> CausalLM {
  let model = try CausalLM(
    ModelConfiguration([
      "model_type": "qwen3", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rope_theta": 1e4, "tie_word_embeddings": true,
    ]))
  let generator = try Generator(seed: seed)
  for (_, parameter) in model.namedParameters {
    if parameter.shape.count == 1 {
      try parameter.value.fillUniform(low: 0.5, high: 1.5, from: generator)
    } else {
      try parameter.value.fillNormal(deviation: 0.2, from: generator)
    }
  }
  return model
}

/// Pairs with shared prefixes, targets among them, and tails of many lengths.
func smallPairs(_ count: Int, seed: UInt64 = 1) -> [TokenizedPair] {
  var random = SeededGenerator(seed: seed)
  func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.below(64)) } }
  return (0..<count).map { index in
    let prefix = ids(1 + random.below(10))
    let prefixTargets = prefix.indices.map { $0 > 0 && random.below(4) == 0 }
    let tails = (0..<2).map { _ in ids(1 + random.below(10)) }
    return TokenizedPair(
      index: index, chosenIDs: prefix + tails[0], rejectedIDs: prefix + tails[1],
      chosenTargets: prefixTargets + tails[0].map { _ in true },
      rejectedTargets: prefixTargets + tails[1].map { _ in true }, sharedPrefix: prefix.count)
  }
}

/// A trainer whose policy and reference start as the same small model.
func smallTrainer(_ pairs: [TokenizedPair], _ change: (inout TrainingOptions) -> Void = { _ in }) throws -> Trainer {
  var options = TrainingOptions()
  options.learningRate = 1e-3
  options.perDeviceBatchSize = 4
  change(&options)
  return try Trainer(policy: smallModel(), reference: smallModel(), pairs: pairs, options: options)
}

extension Trainer {
  /// Takes a number of steps, or all that are left.
  @discardableResult
  func steps(_ count: Int? = nil) throws -> [StepReport] {
    try (0..<(count ?? plan.totalSteps - completedSteps)).map { _ in try step() }
  }
}

/// Passes some of which fail before they begin.
private final class FailingPasses: MicroBatchPasses {
  private let passes: any MicroBatchPasses
  private let failure: (TreeBatch) -> TorchError?

  init(_ passes: any MicroBatchPasses, failure: @escaping (TreeBatch) -> TorchError?) {
    (self.passes, self.failure) = (passes, failure)
  }

  func run(_ batch: TreeBatch, knowing known: KnownScores, isLast: Bool, _ pass: @escaping MicroBatchPass) throws {
    if let error = failure(batch) { throw error }
    try passes.run(batch, knowing: known, isLast: isLast, pass)
  }

  func runUpdate(_ update: @escaping () throws -> Void) throws { try passes.runUpdate(update) }
  func releaseMemory() throws(TorchError) { try passes.releaseMemory() }
  func takeReplayed() -> ReplayedPasses { passes.takeReplayed() }
  var refusal: String? { passes.refusal }
}

extension Trainer {
  /// Lets the passes over some micro-batches fail.
  func failPasses(_ failure: @escaping (TreeBatch) -> TorchError?) {
    passes = FailingPasses(passes, failure: failure)
  }
}

extension StepReport {
  var loss: Double { metrics.loss / metrics.pairs }
}

extension CausalLM {
  /// Every bit of the weights.
  var bits: [UInt32] {
    get throws { try weights.storage.detached().array(Float.self).map(\.bitPattern) }
  }
}

/// Whether two numbers differ by at most a part of the second.
func isClose(_ first: Double, _ second: Double, within tolerance: Double) -> Bool {
  abs(first - second) <= tolerance * abs(second)
}

/// A folder of its own for a test, removed with it.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}
