import DPO

/// What happened since the last record.
public struct IntervalReport: Sendable, Codable {
  /// The last step of it.
  public var step = 0
  /// Its number of steps.
  public var steps = 0
  /// Passes over the training pairs so far, with a fraction.
  public var epoch = 0.0
  /// Sums over its pairs, of all ranks.
  public var metrics = PreferenceMetrics()
  /// The gradient norm of its last step, before clipping.
  public var gradientNorm = 0.0
  /// The learning rate of its last step.
  public var learningRate = 0.0
  /// Seconds spent in its steps.
  public var seconds = 0.0
  /// Seconds in which training stood still for checkpoints between them.
  public var saving = 0.0
  /// What this process did of it.
  public var own = RankWork()
  /// What each rank did; there once the interval is full.
  public var ranks: [RankWork] = []

  /// An empty interval.
  public init() {}

  /// Seconds of its steps that the rank that waited longest spent waiting for batches.
  public var dataWait: Double { (ranks.isEmpty ? [own] : ranks).map(\.times.data).max() ?? 0 }

  /// MFU, model FLOPs utilization: the FLOPs per second that the model needs over what all ranks could do, 0…1.
  ///
  /// - Parameter peak: operations per second of all ranks' matrix products together
  public func utilization(ofPeak peak: Double) -> Double {
    (ranks.isEmpty ? [own] : ranks).map(\.operations).reduce(0, +) / seconds / peak
  }

  mutating func add(_ report: StepReport) {
    step = report.step
    steps += 1
    epoch = report.epoch
    metrics += report.metrics
    gradientNorm = report.gradientNorm
    learningRate = report.learningRate
    seconds += report.seconds
    own += report.own
  }
}

extension IntervalReport {
  /// What an interval's time went to, other than computing.
  public enum Bound: String, Sendable {
    /// Nothing stood in the way of computing.
    case compute
    /// Batches came too late.
    case data
    /// Gradients took long to travel.
    case communication
    /// The other ranks waited for the slowest.
    case straggler
    /// Checkpoints were written.
    case checkpoint
  }

  /// The largest part of the time that was not spent computing, if it is a tenth of the whole at least.
  public var bound: Bound {
    let ranks = ranks.isEmpty ? [own] : ranks
    let count = Double(ranks.count)
    let computing = ranks.map(\.computing)
    let slowest = computing.max() ?? 0
    // Nobody waits less for the gradients than the slowest rank: that is their way alone.
    let transfer = ranks.map(\.times.communication).min() ?? 0
    let parts: [(Bound, Double)] = [
      (.data, dataWait), (.communication, transfer),
      (.straggler, slowest - computing.reduce(0, +) / count), (.checkpoint, saving),
    ]
    guard let largest = parts.max(by: { $0.1 < $1.1 }), largest.1 >= 0.1 * (seconds + saving) else { return .compute }
    return largest.0
  }

  /// The part of the gradients' way that backward passes hid, 0…1; nil for a process alone.
  public var overlap: Double? {
    let way = ranks.map(\.exchange).reduce(0, +)
    guard ranks.count > 1, way > 0 else { return nil }
    return min(1, max(0, 1 - ranks.map(\.times.communication).reduce(0, +) / way))
  }

  /// Bytes per second that every link must have carried at the least for the gradients' exchange: 2 (n − 1) / n of them in
  /// the time from the first one sent to the last one received (NCCL's tests call this bus bandwidth); nil for a process
  /// alone.
  ///
  /// - Parameter gradientBytes: of all gradients of one rank
  public func busBandwidth(gradientBytes: Int) -> Double? {
    let count = Double(ranks.count)
    let way = ranks.map(\.exchange).reduce(0, +) / max(1, count)
    guard count > 1, way > 0 else { return nil }
    return 2 * (count - 1) / count * Double(gradientBytes * steps) / way
  }

  /// The rank that computed longest, and by how much longer than the median.
  public var straggler: (rank: Int, ratio: Double)? {
    guard ranks.count > 1, let rank = ranks.indices.max(by: { ranks[$0].computing < ranks[$1].computing }) else {
      return nil
    }
    let sorted = ranks.map(\.computing).sorted()
    let median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    return median > 0 ? (rank, ranks[rank].computing / median) : nil
  }
}
