import DPO

/// What a step did.
public struct StepReport: Sendable {
  /// Counted from 1.
  public let step: Int
  /// Passes over the training pairs after this step, with a fraction.
  public let epoch: Double
  /// Sums over the step's pairs, of all ranks.
  public let metrics: PreferenceMetrics
  /// The part of this process.
  public let own: RankWork
  /// Before clipping.
  public let gradientNorm: Double
  /// The rate used.
  public let learningRate: Double
  /// Whether the update was left out because the gradient was not finite.
  public let isSkipped: Bool
  /// What was to blame for that; nil for a step that was taken, or that only looked for the loss scale.
  public let notFinite: NotFiniteStep?
  /// What the loss is multiplied by in the next step; nil where gradients are not in `float16`.
  public let lossScale: Double?
  /// Whether a rank was asked to stop before this step's update.
  public let stopRequested: Bool
  /// The tokens that a micro-batch is limited to because memory ran out with more; nil where it did not.
  public let shrunkTo: Int?
  /// The passes over micro-batches that a GPU replayed from a recording.
  public let replayed: ReplayedPasses
  /// How a GPU spent the step; nil on the CPU.
  public let onDevice: DeviceTimes?

  /// Seconds from its beginning to its end.
  public var seconds: Double { own.times.total }
}

/// What one rank did in a step, or in several.
public struct RankWork: Sendable, Codable, Hashable {
  /// Pairs that it computed.
  public var pairs = 0.0
  /// Their input tokens.
  public var tokens = 0.0
  /// The FLOPs that they need.
  public var operations = 0.0
  /// Seconds from the first gradient sent to the last one received, backward passes included; 0 for a process alone.
  public var exchange = 0.0
  /// Where the time went. Waiting for gradients includes waiting for slower ranks.
  public var times = StepTimes()

  /// No work yet.
  public init() {}

  /// Seconds of its steps.
  public var seconds: Double { times.total }
  /// Seconds in which it computed.
  public var computing: Double { seconds - times.data - times.communication }

  /// Adds other steps of the same rank.
  public static func += (sum: inout RankWork, other: RankWork) {
    for field in fields { sum[keyPath: field] += other[keyPath: field] }
  }

  /// Every number, in the one order in which ranks exchange them.
  private static var fields: [WritableKeyPath<RankWork, Double>] {
    let times: WritableKeyPath<RankWork, StepTimes> = \.times
    return [\.pairs, \.tokens, \.operations, \.exchange] + StepPart.allCases.map { times.appending(path: $0.seconds) }
  }

  /// The numbers to send to other ranks.
  var numbers: [Double] { Self.fields.map { self[keyPath: $0] } }

  /// What another rank sent.
  init(numbers: [Double]) {
    for (field, number) in zip(Self.fields, numbers) { self[keyPath: field] = number }
  }
}

/// Passes over micro-batches that were replayed from a recording, each by a single launch.
public struct ReplayedPasses: Sendable, Hashable {
  /// Their number.
  public private(set) var passes = 0
  /// Kernels, copies and fills in them.
  public private(set) var kernels = 0

  /// None.
  public init() {}

  /// Adds the passes of other steps.
  public static func += (sum: inout ReplayedPasses, other: ReplayedPasses) {
    sum.passes += other.passes
    sum.kernels += other.kernels
  }

  /// One more pass.
  mutating func count(kernels: Int) {
    passes += 1
    self.kernels += kernels
  }
}
