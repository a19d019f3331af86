/// A part of a step, in the order in which a step comes to it.
public enum StepPart: String, CaseIterable, Sendable {
  /// Waiting for batches, and copying them to the device.
  case data
  /// The reference's forward passes.
  case reference
  /// The policy's forward passes and the losses.
  case forward
  /// The backward passes.
  case backward
  /// Waiting for the gradients of all ranks after the last backward pass.
  case communication
  /// Gradient clipping and AdamW.
  case update = "optimizer"

  /// Where `StepTimes` keeps it.
  var seconds: WritableKeyPath<StepTimes, Double> {
    switch self {
    case .data: \.data
    case .reference: \.reference
    case .forward: \.forward
    case .backward: \.backward
    case .communication: \.communication
    case .update: \.update
    }
  }

  /// What the process is doing meanwhile, for those who wait for it.
  var phase: Activity.Phase {
    switch self {
    case .data: .waitingForData
    case .reference, .forward, .backward: .computing
    case .communication: .exchangingGradients
    case .update: .updating
    }
  }
}

/// Where the time of steps went, in seconds of the host. A device works asynchronously: its time counts where the host waits
/// for it.
public struct StepTimes: Sendable, Codable, Hashable {
  /// Waiting for batches, and copying them to the device.
  public var data = 0.0
  /// The reference's forward passes.
  public var reference = 0.0
  /// The policy's forward passes and the losses.
  public var forward = 0.0
  /// The backward passes.
  public var backward = 0.0
  /// Waiting for the gradients of all ranks after the last backward pass.
  public var communication = 0.0
  /// Gradient clipping and AdamW.
  public var update = 0.0

  /// No time yet.
  public init() {}

  /// The seconds of one part.
  public subscript(part: StepPart) -> Double {
    get { self[keyPath: part.seconds] }
    set { self[keyPath: part.seconds] = newValue }
  }

  /// The seconds of all parts.
  public var total: Double { data + reference + forward + backward + communication + update }

  /// Adds the times of other steps.
  public static func += (sum: inout StepTimes, other: StepTimes) {
    for part in StepPart.allCases { sum[part] += other[part] }
  }
}
