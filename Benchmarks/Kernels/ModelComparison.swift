import DPO
import MiniMind
import OrderedJSON
import Preferences
import Torch
import Training

/// The forward and backward pass of a whole model, compared with its matmuls.
struct ModelComparison {
  private let model: CausalLM
  private let batch: DeviceBatch
  private let operations: Double
  private let rows: Int

  init(pairs: Int) throws {
    model = try CausalLM(Self.shape())
    try model.initializeRandomly(seed: 1)
    let gradients = try FlatBuffer(like: model.namedParameters)
    for (view, (_, parameter)) in zip(gradients.views, model.namedParameters) {
      try parameter.value.setRequiresGrad(true)
      try parameter.value.setGradient(view)
    }
    func ids(_ count: Int, _ seed: Int) -> [Int32] { (0..<count).map { Int32(($0 * 7919 + seed * 104_729) % 6400) } }
    let packed = TreeBatch(
      (0..<pairs).map { index in
        let targets = [Bool](repeating: false, count: 256) + [Bool](repeating: true, count: 192)
        return TokenizedPair(
          index: index, chosenIDs: ids(256, index) + ids(192, index + 100),
          rejectedIDs: ids(256, index) + ids(192, index + 200), chosenTargets: targets, rejectedTargets: targets,
          sharedPrefix: 256)
      })
    batch = try DeviceBatch(packed)
    rows = packed.tokens.count
    operations = FLOPs.training(packed, of: model.configuration, onlineReference: false)
  }

  /// MiniMind-3's.
  static func shape() throws -> ModelConfiguration {
    try ModelConfiguration([
      "model_type": "qwen3", "vocab_size": 6400, "hidden_size": 768, "intermediate_size": 2432,
      "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 96,
      "tie_word_embeddings": true,
    ])
  }

  /// Forward and backward.
  func pass() throws { try model.sequenceLogProbabilities(batch).sum().backward() }

  /// The same with gradient checkpointing.
  func passRecomputing() throws {
    model.recomputesLayers = true
    defer { model.recomputesLayers = false }
    try pass()
  }

  /// A function with the FLOPs of the pass, all in matmuls of one shape.
  func products() throws -> () throws -> Void {
    let configuration = model.configuration
    let input = try Tensor.ones([rows, configuration.hiddenSize])
    let weight = try Tensor.ones([configuration.intermediateSize, configuration.hiddenSize])
    let one = 2 * Double(rows * configuration.hiddenSize * configuration.intermediateSize)
    let repetitions = Int((operations / one).rounded())
    return { try withoutGrad { for _ in 0..<repetitions { _ = try linear(input, weight: weight) } } }
  }
}
