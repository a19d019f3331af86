import DPO
import MiniMind
import Preferences
import Torch

/// How well a model predicts the texts on which it is watched for forgetting.
public struct GuardMeasurement: Sendable, Hashable, Codable {
  /// −log π of each text, summed over the tokens that are predicted, in the order of the texts; fewer where a rank was asked
  /// to stop.
  public var losses: [Double]
  /// The number of predicted tokens of each.
  public var tokens: [Int]

  /// The mean loss per predicted token, over all texts.
  public var loss: Double { losses.reduce(0, +) / Double(max(1, tokens.reduce(0, +))) }
}

extension Trainer {
  /// Measures the loss per token of texts without gradients, each rank its share, packed without padding.
  ///
  /// - Parameter stops: asked between micro-batches: whether this process was asked to stop
  /// - Returns: the same on all ranks, over fewer texts where one of them was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func measure(
    _ policy: CausalLM, on texts: [GuardText], options: TrainingOptions, ranks: Ranks? = nil,
    stops: () -> Bool = { false }
  ) throws(TorchError) -> GuardMeasurement {
    var options = options
    // A text is a tree without branches.
    options.sharesPrefix = true
    let trees = texts.map(\.asPair)
    var results = RankResults(of: trees, width: 1)
    let work = PairWork(policy.configuration, sharesPrefix: true)
    var passes = ForwardPasses(over: ranks.share(of: trees, by: work), options: options)
    while let packed = passes.next, !stops() {
      do throws(TorchError) {
        let scores = try withoutGrad { () throws(TorchError) in
          try policy.sequenceLogProbabilities(DeviceBatch(packed, device: policy.device)).array(Double.self)
        }
        results.add([scores[..<packed.pairCount].map { -$0 }], of: packed.pairIndices)
      } catch {
        try passes.shrink(after: error)
        continue
      }
      passes.advance()
    }
    let found = try results.gathered(over: ranks)
    let counts = Dictionary(uniqueKeysWithValues: texts.map { ($0.index, $0.targetCount) })
    return GuardMeasurement(losses: found.map { $0.numbers[0] }, tokens: found.compactMap { counts[$0.index] })
  }
}
