/// Which pairs each optimizer step of a run learns from: a pure function of the seed and the sizes, so that every rank,
/// and a run that resumes, finds the same.
public struct BatchPlan: Sendable, Hashable {
  /// The number of pairs to learn from.
  public let pairCount: Int
  /// Pairs of one optimizer step: world size × per-device batch × accumulation steps.
  public let globalBatchSize: Int
  /// The number of optimizer steps of the run.
  public let totalSteps: Int
  private let seed: UInt64
  private let shuffles: Bool

  /// A plan of `epochs` passes, or of `maxSteps` steps where that is given.
  ///
  /// The last step of an epoch takes the pairs that are left, be they fewer.
  public init(
    pairCount: Int, globalBatchSize: Int, epochs: Double, maxSteps: Int? = nil, shuffles: Bool = true, seed: UInt64
  ) {
    self.pairCount = pairCount
    self.globalBatchSize = globalBatchSize
    self.shuffles = shuffles
    self.seed = seed
    let stepsPerEpoch = (pairCount + globalBatchSize - 1) / globalBatchSize
    totalSteps = maxSteps ?? max(1, Int((epochs * Double(stepsPerEpoch)).rounded(.up)))
  }

  /// Optimizer steps of one pass over the pairs.
  public var stepsPerEpoch: Int { (pairCount + globalBatchSize - 1) / globalBatchSize }

  /// The pairs of a step, as places among the pairs to learn from.
  ///
  /// - Parameter step: counted from 1
  public func pairs(ofStep step: Int) -> [Int] {
    let (epoch, place) = (step - 1).quotientAndRemainder(dividingBy: stepsPerEpoch)
    let range = place * globalBatchSize..<min((place + 1) * globalBatchSize, pairCount)
    return shuffles ? Array(permutation(count: pairCount, seed: seed, epoch: epoch)[range]) : Array(range)
  }

  /// Passes over the pairs after a step, with a fraction.
  public func epoch(afterStep step: Int) -> Double {
    let (epoch, place) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    return Double(epoch) + Double(place * globalBatchSize) / Double(pairCount)
  }
}
