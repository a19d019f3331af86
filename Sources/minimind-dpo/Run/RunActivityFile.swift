import Collectives
import Dispatch
import Files
import Foundation
import Observability
import Synchronization
import Training

/// Writes every two seconds beside a run's numbers what its processes are doing, for the dashboard: by a thread of low
/// priority, and so that a reader never sees half of it. What cannot be written is left out; the run does not notice.
final class RunActivityFile: Sendable {
  private let folder: RunFolder
  private let queue = DispatchQueue(label: "activity", qos: .background)
  private let timer: Mutex<(any DispatchSourceTimer)?>

  /// Begins to write.
  ///
  /// - Parameters:
  ///   - stop: whether the run was asked to stop is said as well
  init(in folder: RunFolder, of job: Job, stop: StopRequest) {
    self.folder = folder
    let ranks = Self.ranks(of: job)
    let source = DispatchSource.makeTimerSource(queue: queue)
    source.schedule(deadline: .now(), repeating: RunActivity.interval, leeway: .milliseconds(200))
    source.setEventHandler { [folder] in
      let activity = RunActivity(ranks: ranks(), stopping: stop.requestedBy)
      let place = folder.file(RunActivity.fileName).path
      let draft = place + ".new"
      // A folder that took the place of the run's own is not this run's to write to.
      guard FileManager.default.fileExists(atPath: folder.file(FolderLock.fileName).path) else { return }
      // Not synced: it is of no use after a crash.
      guard (try? Data((activity.json.serialized() + "\n").utf8).write(to: URL(fileURLWithPath: draft))) != nil else {
        return
      }
      rename(draft, place)
    }
    source.activate()
    timer = Mutex(source)
  }

  /// Writes no more, and removes the file.
  func end() {
    let source = timer.withLock { timer in
      defer { timer = nil }
      return timer
    }
    guard let source else { return }
    source.cancel()
    queue.sync {
      for name in [RunActivity.fileName, RunActivity.fileName + ".new"] { unlink(folder.file(name).path) }
    }
  }

  deinit { end() }

  /// Asks, from any thread, what every process of a job is doing.
  private static func ranks(of job: Job) -> @Sendable () -> [RunActivity.Rank] {
    if let communicator = job.communicator {
      let activities = communicator.activities
      return {
        activities().map { peer in
          RunActivity.Rank(
            rank: peer.rank, phase: peer.state.phase, step: peer.state.step, seconds: peer.seconds,
            silence: peer.silence)
        }
      }
    }
    let since = Mutex((phase: "", step: -1, clock: ContinuousClock.now))
    return { [activity = job.activity] in
      let (phase, step) = activity.current
      let began = since.withLock { since in
        if (since.phase, since.step) != (phase.rawValue, step) { since = (phase.rawValue, step, .now) }
        return since.clock
      }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      return [RunActivity.Rank(rank: 0, phase: phase.rawValue, step: step, seconds: seconds)]
    }
  }
}
