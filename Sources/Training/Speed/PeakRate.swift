import MiniMind
import Torch

/// How fast this machine multiplies matrices.
public enum PeakRate {
  /// Measures the rate of matmuls of the feed-forward network's shape, in FLOP/s: the best of several attempts, since
  /// interruptions only slow it down.
  ///
  /// - Parameters:
  ///   - tokens: rows of the product, as many as a micro-batch has
  ///   - attempts: how many are timed
  ///   - type: of the factors
  /// - Throws: `TorchError` when memory runs out.
  public static func measure(
    of model: ModelConfiguration, tokens: Int, attempts: Int = 8, device: Device = .cpu, type: DType = .float32
  ) throws(TorchError) -> Double {
    try withoutGrad { () throws(TorchError) in
      let generator = try Generator(seed: 1)
      func drawn(_ shape: [Int]) throws(TorchError) -> Tensor {
        let tensor = try Tensor.empty(shape)
        try tensor.fillNormal(from: generator)
        return try tensor.to(type, device: device)
      }
      let inner = max(model.intermediateSize, model.activeIntermediateSize(ofLayer: model.layerCount - 1))
      let activations = try drawn([tokens, model.hiddenSize])
      let weight = try drawn([inner, model.hiddenSize])
      let operations = 2 * Double(tokens) * Double(model.hiddenSize) * Double(inner)
      // Enough repetitions for the resolution of the clock.
      let repetitions = max(1, Int((device == .cpu ? 5e9 : 2e12) / operations))
      var best = 0.0
      for _ in 0..<attempts {
        // LibTorch's own product, and the one that training uses: the faster one counts.
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
