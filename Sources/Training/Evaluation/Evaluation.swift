import DPO
import MiniMind
import Preferences
import Torch

/// What held-out pairs measured.
public struct Evaluation: Sendable, Hashable {
  /// Sums over all pairs and ranks.
  public var metrics: PreferenceMetrics
  /// Each pair's own numbers, in the order of the pairs; fewer than there are pairs where a rank was asked to stop.
  public var pairs: [PairResult]

  /// What was measured.
  public init(metrics: PreferenceMetrics = PreferenceMetrics(), pairs: [PairResult] = []) {
    (self.metrics, self.pairs) = (metrics, pairs)
  }
}

/// What a single pair measured.
public struct PairResult: Sendable, Hashable, Codable {
  /// The pair's place in its file.
  public var index: Int
  /// Its loss.
  public var loss: Double
  /// β(log π − log π_ref) of the chosen side.
  public var chosenReward: Double
  /// The same of the rejected side.
  public var rejectedReward: Double
  /// log π of the chosen side.
  public var chosenLogProbability: Double
  /// The same of the rejected side.
  public var rejectedLogProbability: Double

  /// The reward of the chosen side minus that of the rejected side.
  public var margin: Double { chosenReward - rejectedReward }
  /// The log-probability of the chosen side minus that of the rejected side.
  public var logProbabilityMargin: Double { chosenLogProbability - rejectedLogProbability }
}

extension Trainer {
  /// Measures held-out pairs without gradients, each rank its share.
  ///
  /// - Parameters:
  ///   - reference: the reference to compare with; one that keeps results is kept for these pairs alone
  ///   - pairs: with different indices
  ///   - progress: told the number of pairs done by this process
  ///   - stops: asked between micro-batches: whether this process was asked to stop
  /// - Returns: the same on all ranks, over fewer pairs where one of them was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func evaluate(
    _ policy: CausalLM, reference: ReferenceModel, pairs: [TokenizedPair], options: TrainingOptions,
    ranks: Ranks? = nil, progress: (Int) -> Void = { _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> Evaluation {
    var sums = PreferenceMetrics()
    var results = RankResults(of: pairs, width: 5)
    let work = PairWork(policy.configuration, sharesPrefix: options.sharesPrefix)
    var passes = ForwardPasses(over: ranks.share(of: pairs, by: work), options: options)
    while let packed = passes.next, !stops() {
      do throws(TorchError) {
        let batch = try DeviceBatch(packed, device: policy.device)
        let (found, columns) = try options.measure(batch, indices: packed.pairIndices, policy, reference: reference)
        sums += found
        results.add(columns, of: packed.pairIndices)
      } catch {
        try passes.shrink(after: error)
        continue
      }
      passes.advance()
      progress(Int(sums.pairs))
    }
    return Evaluation(
      metrics: PreferenceMetrics(sums: try ranks.sum(sums.sums)),
      pairs: try results.gathered(over: ranks).map(PairResult.init))
  }
}

extension PairResult {
  fileprivate init(index: Int, numbers: [Double]) {
    self.init(
      index: index, loss: numbers[0], chosenReward: numbers[1], rejectedReward: numbers[2],
      chosenLogProbability: numbers[3], rejectedLogProbability: numbers[4])
  }
}

extension TrainingOptions {
  /// The sums of one micro-batch, and the numbers of its pairs: loss, rewards and log-probabilities, chosen sides first.
  fileprivate func measure(
    _ batch: DeviceBatch, indices: [Int], _ policy: CausalLM, reference: ReferenceModel
  ) throws(TorchError) -> (PreferenceMetrics, columns: [[Double]]) {
    try withoutGrad { () throws(TorchError) in
      let baseline = try reference.logProbabilities(batch, of: indices)
      let scores = try policy.sequenceLogProbabilities(batch)
      let result = try loss(policy: scores, reference: baseline)
      var columns: [[Double]] = []
      for tensor in [result.losses, result.rewards, scores] {
        let numbers = try tensor.to(.float64).array(Double.self)
        columns += stride(from: 0, to: numbers.count, by: indices.count).map { Array(numbers[$0..<$0 + indices.count]) }
      }
      return (try PreferenceMetrics(result, policy: scores, counts: batch.counts), columns)
    }
  }
}
