import Dispatch
import Observability
import Synchronization
import Training

/// Ends a run so early that its checkpoint is whole when its time is over (`--max-time`): there is room left for the step that
/// is being taken, a checkpoint that is on its way, and the last one. The first rank's counts.
final class TimeLimit: Sendable {
  private let limit: TimeSpan
  private let stop: StopRequest
  private let started = ContinuousClock.now
  /// The longest step, and the longest time that a checkpoint took from its beginning until it was on the disk.
  private let longest = Mutex<(step: Double, save: Double)>((0, 0))
  private let isOver = Mutex(false)
  private let queue = DispatchQueue(label: "time limit")

  /// - Parameters:
  ///   - limit: the time of the run, from now on
  ///   - stop: what is asked to stop
  init(_ limit: TimeSpan, stopping stop: StopRequest) {
    (self.limit, self.stop) = (limit, stop)
    wait()
  }

  /// Nothing is asked to stop any more.
  func end() { isOver.withLock { $0 = true } }

  /// A step took so long; the next may too.
  func didStep(seconds: Double) { longest.withLock { $0.step = max($0.step, seconds) } }

  /// A checkpoint took so long, or is expected to.
  func didSave(seconds: Double) { longest.withLock { $0.save = max($0.save, seconds) } }

  /// Before a checkpoint was written: a slow disk takes a hundred megabytes a second.
  func expectSave(bytes: Int) { didSave(seconds: Double(bytes) / 1e8) }

  private func wait() {
    let moment = max(0.02, min(1, limit.seconds / 100))
    queue.asyncAfter(deadline: .now() + moment) { [weak self] in self?.look() }
  }

  private func look() {
    guard !isOver.withLock({ $0 }), stop.requestedBy == nil else { return }
    let left = limit.seconds - (ContinuousClock.now - started) / .seconds(1)
    guard left <= longest.withLock({ 1.2 * $0.step + 2.4 * $0.save }) else { return wait() }
    stop.request(by: "--max-time \(limit)")
    let rest = Phrase { HumanText.duration(seconds: max(0, left), in: $0) }
    Console.standardError.print(
      Phrase(
        en: "--max-time \(limit) will be over in \(rest.en): finishing the current step, then saving a checkpoint.",
        zh: "--max-time \(limit) 还剩 \(rest.zh)：做完当前这一步，再保存检查点。"))
  }
}
