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
  ///   - reference: the reference to compare with, nil where no objective does; one that keeps results is kept for these pairs
  ///     alone
  ///   - pairs: with different indices
  ///   - progress: told the number of pairs done by this process
  ///   - stops: asked between micro-batches: whether this process was asked to stop
  /// - Returns: the same on all ranks, over fewer pairs where one of them was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func evaluate(
    _ policy: CausalLM, reference: ReferenceModel?, pairs: [TokenizedPair], options: TrainingOptions,
    ranks: Ranks? = nil, progress: (Int) -> Void = { _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> Evaluation {
    var sums = PreferenceMetrics()
    var results = RankResults(of: pairs, width: 2 * PairNumbers.count)
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
    var metrics = PreferenceMetrics(sums: try ranks.sum(sums.sums))
    let measured = try results.gathered(over: ranks)
    let all = try options.results(of: measured, hasReference: reference != nil)
    // A loss that ties pairs together is known only now.
    metrics.loss = all.reduce(0) { $0 + $1.loss }
    return Evaluation(metrics: metrics, pairs: all)
  }
}

/// What is measured of each side, in the order in which ranks exchange it.
private enum PairNumbers: Int, CaseIterable {
  case logProbability, tokenSum, logSumOfSquares, reference, length

  static var count: Int { allCases.count }
}

extension TrainingOptions {
  /// The sums of one micro-batch, and the numbers of its pairs: a column for each of `PairNumbers` and side, chosen sides
  /// first.
  fileprivate func measure(
    _ batch: DeviceBatch, indices: [Int], _ policy: CausalLM, reference: ReferenceModel?
  ) throws(TorchError) -> (PreferenceMetrics, columns: [[Double]]) {
    try withoutGrad { () throws(TorchError) in
      let baseline = try reference?.logProbabilities(batch, of: indices)
      let sides = try policy.sideScores(batch, excessTokenWeight: loss.excessTokenWeight)
      let scores = PairScores(policy: sides, reference: baseline, lengths: batch.targetCounts)
      var columns: [[Double]] = []
      for number in PairNumbers.allCases {
        let tensor: Tensor? =
          switch number {
          case .logProbability: sides.logProbabilities
          case .tokenSum: sides.tokenSums
          case .logSumOfSquares: try sides.sums(of: .logSumOfSquares)
          case .reference: baseline
          case .length: batch.targetCounts
          }
        let numbers = try tensor?.to(.float64).array(Double.self) ?? [Double](repeating: 0, count: 2 * indices.count)
        columns += [Array(numbers[..<indices.count]), Array(numbers[indices.count...])]
      }
      return (try PreferenceMetrics(loss(scores), of: scores, counts: batch.counts), columns)
    }
  }

  /// The loss and the rewards of each pair, from the numbers of all of them: exact also where a loss ties pairs together.
  fileprivate func results(
    of measured: [(index: Int, numbers: [Double])], hasReference: Bool
  ) throws(TorchError) -> [PairResult] {
    if measured.isEmpty { return [] }
    func sides(_ number: PairNumbers) throws(TorchError) -> Tensor {
      try Tensor((0..<2).flatMap { side in measured.map { $0.numbers[2 * number.rawValue + side] } })
    }
    var statistics = [Tensor](
      repeating: try .zeros([2 * measured.count], dtype: .float64), count: TokenPredictions.Statistic.allCases.count)
    statistics[TokenPredictions.Statistic.logSumOfSquares.rawValue] = try sides(.logSumOfSquares)
    let policy = try SideScores(
      logProbabilities: sides(.logProbability), tokenSums: sides(.tokenSum), statistics: .stack(statistics))
    let result = try loss(
      PairScores(
        policy: policy, reference: hasReference ? try sides(.reference) : nil, lengths: try sides(.length)))
    let (losses, rewards) = (try result.losses.array(Double.self), try result.rewards.array(Double.self))
    return measured.enumerated().map { place, pair in
      PairResult(
        index: pair.index, loss: losses[place], chosenReward: rewards[place],
        rejectedReward: rewards[measured.count + place], chosenLogProbability: pair.numbers[0],
        rejectedLogProbability: pair.numbers[1])
    }
  }
}
