import DPO
import Torch

/// Steps that are queued on the device and not yet reported.
///
/// On a CPU a step is reported at once. On a GPU it is reported one step late: the host reads what step n did after it has
/// queued step n + 1, so the device never waits for the host.
package struct ReportQueue {
  /// By how many steps reports are late: 0 or 1.
  let delay: Int
  private var waiting: QueuedStep?

  /// A queue for a device, unless tests ask for a delay.
  package init(for device: Device, delay: Int? = nil) { self.delay = delay ?? (device == .cpu ? 0 : 1) }

  /// The sums over this process's pairs whose turn it is to be reported: zeros before the first report that is late.
  ///
  /// - Parameter current: the sums of the step in progress
  func dueSums(current: Tensor) throws(TorchError) -> PreferenceMetrics {
    if delay == 0 { return PreferenceMetrics(sums: try current.array(Double.self)) }
    return try waiting?.ownMetrics() ?? PreferenceMetrics()
  }

  /// Adds a step.
  ///
  /// - Returns: the step whose turn it is to be reported; nil after the first one of a GPU
  mutating func add(_ step: QueuedStep) -> QueuedStep? {
    if delay == 0 { return step }
    defer { waiting = step }
    return waiting
  }

  /// The step that still waits for its report.
  mutating func removeLast() -> QueuedStep? {
    defer { waiting = nil }
    return waiting
  }
}

/// A step that is queued on the device. Its numbers are known once the device has taken it.
struct QueuedStep {
  let step: Int
  let learningRate: Double
  /// `PreferenceMetrics` over this process's pairs.
  let sums: DeviceNumbers
  /// What became of the update: `UpdateOutcome`.
  let outcome: DeviceNumbers
  let gradients: ComputedGradients
  let stopRequested: Bool
  let times: StepTimes
  let spans: DeviceSpans

  /// Waits for the device.
  func ownMetrics() throws(TorchError) -> PreferenceMetrics { PreferenceMetrics(sums: try sums.array()) }
}
