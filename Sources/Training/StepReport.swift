import DPO

/// What a step did.
public struct StepReport: Sendable {
  /// Counted from 1.
  public let step: Int
  /// Passes over the pairs behind, in parts of one.
  public let epoch: Double
  /// Sums over the step's pairs, of all ranks.
  public let metrics: PreferenceMetrics
  /// Sums over those of this process.
  public let ownMetrics: PreferenceMetrics
  /// Floating-point operations that those need.
  public let ownOperations: Double
  /// Before clipping.
  public let gradientNorm: Double
  /// The rate used.
  public let learningRate: Double
  /// Whether the update was left out because the gradient was not finite.
  public let isSkipped: Bool
  /// What the loss is multiplied by from here on; nil where gradients are not in `float16`.
  public let lossScale: Double?
  /// Whether this process or another wishes to stop here.
  public let isLastWish: Bool
  /// The tokens that a micro-batch is limited to because memory did not suffice for more; nil where it did.
  public let shrunkTo: Int?
  /// Where its time went.
  public let times: StepTimes
  /// Seconds from the first gradient that was sent to the last that came, backward passes included; 0 for a process alone.
  public let exchange: Double
  /// The passes over micro-batches that were recorded before, on a GPU.
  public let replayed: ReplayedPasses
  /// How a GPU spent it; nil on the CPU.
  public let onDevice: DeviceTimes?

  /// Seconds from its beginning to its end.
  public var seconds: Double { times.total }
}

/// Passes over micro-batches that were replayed from a recording, each by a single launch.
public struct ReplayedPasses: Sendable, Hashable {
  /// Their number.
  public private(set) var passes = 0
  /// Kernels, copies and fills in them.
  public private(set) var kernels = 0

  /// None.
  public init() {}

  /// Those of both.
  public static func += (sum: inout ReplayedPasses, other: ReplayedPasses) {
    sum.passes += other.passes
    sum.kernels += other.kernels
  }

  /// One more, of so many kernels.
  mutating func count(_ kernels: Int) {
    passes += 1
    self.kernels += kernels
  }
}
