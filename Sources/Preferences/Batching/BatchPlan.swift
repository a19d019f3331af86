/// Which pairs each optimizer step of a run learns from: a pure function of the seed and the sizes, so that every rank,
/// and a run that resumes, finds the same.
public struct BatchPlan: Sendable, Hashable {
  /// The number of pairs of an epoch.
  public var pairCount: Int { mixture.count }
  /// What an epoch takes of each file.
  public let mixture: PairMixture
  /// Pairs of one optimizer step: world size × per-device batch × accumulation steps.
  public let globalBatchSize: Int
  /// The number of optimizer steps of the run.
  public let totalSteps: Int
  private let seed: UInt64
  private let shuffles: Bool

  /// A plan of `epochs` passes over the pairs of one file, or of `maxSteps` steps where that is given.
  ///
  /// The last step of an epoch takes the pairs that are left, be they fewer.
  public init(
    pairCount: Int, globalBatchSize: Int, epochs: Double, maxSteps: Int? = nil, shuffles: Bool = true, seed: UInt64
  ) {
    self.init(
      mixture: PairMixture(sizes: [pairCount]), globalBatchSize: globalBatchSize, epochs: epochs, maxSteps: maxSteps,
      shuffles: shuffles, seed: seed)
  }

  /// A plan over the pairs of several files.
  public init(
    mixture: PairMixture, globalBatchSize: Int, epochs: Double, maxSteps: Int? = nil, shuffles: Bool = true,
    seed: UInt64
  ) {
    self.mixture = mixture
    self.globalBatchSize = globalBatchSize
    self.shuffles = shuffles
    self.seed = seed
    let stepsPerEpoch = (mixture.count + globalBatchSize - 1) / globalBatchSize
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
    return Array(mixture.order(ofEpoch: epoch, shuffles: shuffles, seed: seed)[range])
  }

  /// The pairs that the run will see, each once, in order: not all of them where it is shorter than an epoch or a file is
  /// larger than its share.
  public var pairsOfRun: [Int] {
    let all = mixture.parts.reduce(0) { $0 + $1.size }
    if mixture.isPlain && totalSteps >= stepsPerEpoch { return Array(0..<all) }
    var seen: Set<Int> = []
    for first in stride(from: 1, through: totalSteps, by: stepsPerEpoch) where seen.count < all {
      let order = mixture.order(ofEpoch: (first - 1) / stepsPerEpoch, shuffles: shuffles, seed: seed)
      seen.formUnion(order.prefix((totalSteps - first + 1) * globalBatchSize))
    }
    return seen.sorted()
  }

  /// Passes over the pairs after a step, with a fraction.
  public func epoch(afterStep step: Int) -> Double {
    let (epoch, place) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    return Double(epoch) + Double(place * globalBatchSize) / Double(pairCount)
  }
}
