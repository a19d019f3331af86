import MiniMind
import Preferences
import Torch

/// The floating-point operations that a model needs for its tokens. Over a measured peak rate they give the MFU (model FLOPs
/// utilization) of a run.
public enum FLOPs {
  /// One forward pass over a micro-batch: two per weight and token, two per head weight and prediction, and for attention four
  /// per head dimension and pair of tokens that see each other.
  public static func forward(_ batch: TreeBatch, of model: ModelConfiguration) -> Double {
    let attention = model.hiddenSize * model.headSize * 2 * (model.headCount + model.keyValueHeadCount)
    // Of a mixture of experts, those that a token passes through.
    let body = (0..<model.layerCount).reduce(model.layerCount * attention) {
      $0 + model.feedForwardParameters(ofLayer: $1, active: true)
    }
    let head = model.vocabularySize * model.hiddenSize
    let seen = batch.trees.reduce(0.0) { $0 + attendedPairs($1) }
    return 2 * Double(body) * Double(batch.tokens.count) + 2 * Double(head) * Double(batch.targets.count)
      + 4 * Double(model.headCount * model.headSize * model.layerCount) * seen
  }

  /// A training step's micro-batch: backward costs two forward passes, one where the weights are frozen; an online reference one
  /// more. What an adapter itself computes is left out.
  public static func training(
    _ batch: TreeBatch, of model: ModelConfiguration, onlineReference: Bool, areWeightsFrozen: Bool = false
  ) -> Double {
    forward(batch, of: model) * ((onlineReference ? 2 : 1) + (areWeightsFrozen ? 1 : 2))
  }

  /// The number of (query, key) pairs of a tree: every token sees those before it on its own side, and itself.
  private static func attendedPairs(_ tree: TreeBatch.Tree) -> Double {
    func causal(_ count: Int) -> Double { Double(count) * Double(count + 1) / 2 }
    return tree.branches.reduce(causal(tree.prefix)) { $0 + causal($1) + Double(tree.prefix) * Double($1) }
  }
}
