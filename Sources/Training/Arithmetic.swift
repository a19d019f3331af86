import MiniMind
import Preferences
import Torch

/// What a step must compute, in floating-point operations, and how fast this machine multiplies matrices: together they
/// tell how close a run comes to what is possible.
public enum Arithmetic {
  /// Operations of one forward pass over a micro-batch: two per weight and token, two per head weight and prediction,
  /// and for attention four per head dimension and pair of tokens that see each other.
  public static func forward(_ batch: TreeBatch, of model: ModelConfiguration) -> Double {
    let attention = model.hiddenSize * model.headSize * 2 * (model.headCount + model.keyValueHeadCount)
    let body = model.layerCount * (attention + 3 * model.hiddenSize * model.intermediateSize)
    let head = model.vocabularySize * model.hiddenSize
    let seen = batch.trees.reduce(0.0) { $0 + attendedPairs($1) }
    return 2 * Double(body) * Double(batch.tokens.count) + 2 * Double(head) * Double(batch.targets.count)
      + 4 * Double(model.headCount * model.headSize * model.layerCount) * seen
  }

  /// Operations of a training step's micro-batch: backward costs two forward passes, an online reference one more.
  public static func training(_ batch: TreeBatch, of model: ModelConfiguration, onlineReference: Bool) -> Double {
    forward(batch, of: model) * (onlineReference ? 4 : 3)
  }

  /// The number of (query, key) pairs of a tree: every token sees those before it on its own side, and itself.
  private static func attendedPairs(_ tree: TreeBatch.Tree) -> Double {
    func causal(_ count: Int) -> Double { Double(count) * Double(count + 1) / 2 }
    return causal(tree.prefix) + causal(tree.chosen) + causal(tree.rejected)
      + Double(tree.prefix) * Double(tree.chosen + tree.rejected)
  }

  /// About the bytes that a token of a micro-batch takes until its gradients are there, where every second one has a target.
  ///
  /// - Parameter recomputing: whether layers keep their inputs alone (gradient checkpointing)
  public static func memory(
    ofTokenIn model: ModelConfiguration, multiplyingIn type: DType, recomputing: Bool
  ) -> Int {
    let (wide, narrow) = (DType.float32.byteCount, type.byteCount)
    let queries = model.headCount * model.headSize
    let heads = queries + 2 * model.keyValueHeadCount * model.headSize
    // The sums, their norms, queries, keys and values before and behind their rotation, what attention gives, gate and up.
    let layer =
      2 * wide * model.hiddenSize + narrow * (2 * model.hiddenSize + 2 * heads + queries + 2 * model.intermediateSize)
    let inputs = (wide + narrow) * model.hiddenSize
    let logits = wide * model.vocabularySize / 2
    return recomputing ? model.layerCount * inputs + layer + logits : model.layerCount * layer + logits
  }

  /// The rate of matrix products of the feed-forward network's shape, in operations per second: the best of
  /// several, since interruptions only slow it down.
  ///
  /// - Parameters:
  ///   - tokens: rows of the product, as many as a micro-batch has
  ///   - attempts: how many are timed
  ///   - type: of the factors
  /// - Throws: `TorchError` when memory runs out.
  public static func measuredPeak(
    of model: ModelConfiguration, tokens: Int, attempts: Int = 8, device: Device = .cpu, type: DType = .float32
  ) throws(TorchError) -> Double {
    try withoutGrad { () throws(TorchError) in
      let generator = try Generator(seed: 1)
      func drawn(_ shape: [Int]) throws(TorchError) -> Tensor {
        let tensor = try Tensor.empty(shape)
        try tensor.fillNormal(from: generator)
        return try tensor.to(type, device: device)
      }
      let activations = try drawn([tokens, model.hiddenSize])
      let weight = try drawn([model.intermediateSize, model.hiddenSize])
      let operations = 2 * Double(tokens) * Double(model.hiddenSize) * Double(model.intermediateSize)
      // Enough repetitions that the clock's grain does not matter.
      let repetitions = max(1, Int((device == .cpu ? 5e9 : 2e12) / operations))
      var best = 0.0
      for _ in 0..<attempts {
        // LibTorch's own product, and the one that training uses: what counts is the faster.
        for isTraining in [false, true] {
          let started = ContinuousClock.now
          for _ in 0..<repetitions {
            _ =
              try isTraining ? projections(activations, weights: [Weight(weight)]) : linear(activations, weight: weight)
          }
          if device != .cpu { try CUDA.synchronize() }
          let seconds = (ContinuousClock.now - started) / .seconds(1)
          best = max(best, operations * Double(repetitions) / seconds)
        }
      }
      return best
    }
  }
}
