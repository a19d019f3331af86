import Torch

/// Measures where the time of a step goes: on the host, part by part, and on a GPU by events in its own queue.
///
/// Entering a part ends the one before. The clock also tells `Activity` what the process is doing.
final class StepClock {
  private let device: Device
  private let activity: Activity
  private var times = StepTimes()
  private var spans = DeviceSpans()
  private var part = StepPart.data
  private var entered = ContinuousClock.now

  init(device: Device, activity: Activity) {
    (self.device, self.activity) = (device, activity)
  }

  /// A step begins, waiting for its data.
  func begin(step: Int) {
    (times, spans) = (StepTimes(), DeviceSpans())
    (part, entered) = (.data, .now)
    activity.set(part.phase, step: step)
  }

  /// From here on time counts for this part.
  func enter(_ next: StepPart) {
    book()
    part = next
    activity.set(next.phase)
  }

  /// Measures on the device what a body queues there. On a CPU it only runs the body.
  func onDevice<Result>(_ body: () throws -> Result) throws -> Result { try spans.time(on: device, body) }

  /// The step is queued.
  func end() -> (times: StepTimes, spans: DeviceSpans) {
    book()
    return (times, spans)
  }

  private func book() {
    let now = ContinuousClock.now
    times[part] += (now - entered) / .seconds(1)
    entered = now
  }
}
