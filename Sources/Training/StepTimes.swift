/// Where the time of steps went, in seconds. On a device that works asynchronously a part counts where it is waited for.
public struct StepTimes: Sendable, Codable, Hashable {
  /// Waiting for batches, and bringing them to the device.
  public var data = 0.0
  /// The reference's forward passes.
  public var reference = 0.0
  /// The policy's forward passes and the losses.
  public var forward = 0.0
  /// The backward passes.
  public var backward = 0.0
  /// Waiting for the gradients of all ranks behind the last backward pass.
  public var communication = 0.0
  /// Clipping and the optimizer.
  public var update = 0.0

  /// Nothing yet.
  public init() {}

  /// All parts.
  public var total: Double { data + reference + forward + backward + communication + update }

  /// The parts under their names, in the order of a step.
  public var parts: [(name: String, seconds: Double)] {
    [
      ("data", data), ("reference", reference), ("forward", forward), ("backward", backward),
      ("communication", communication), ("optimizer", update),
    ]
  }

  /// Adds the times of other steps.
  public static func += (sum: inout StepTimes, other: StepTimes) {
    sum.data += other.data
    sum.reference += other.reference
    sum.forward += other.forward
    sum.backward += other.backward
    sum.communication += other.communication
    sum.update += other.update
  }
}

/// Books the time since it was last asked on a part of a step.
struct Stopwatch {
  private(set) var times = StepTimes()
  private var last = ContinuousClock.now

  mutating func book(_ part: WritableKeyPath<StepTimes, Double>) {
    let now = ContinuousClock.now
    times[keyPath: part] += (now - last) / .seconds(1)
    last = now
  }
}
