import Dispatch
import Foundation
import Observability
import Synchronization
import Training

/// `report.html` of a run, kept up to date while the run goes on.
///
/// The page is made from the files of the run, by a thread of low priority, and seldom enough to take no more than a hundredth
/// of a core. What cannot be written (a full disk) is tried again the next time, and at the end somebody says so.
final class RunReport: Sendable {
  private let folder: RunFolder
  private let queue = DispatchQueue(label: "report", qos: .background)
  private let state = Mutex<(isWriting: Bool, next: ContinuousClock.Instant)>((false, .now))
  private static let pause = Duration.seconds(20)

  init(in folder: RunFolder) { self.folder = folder }

  /// Writes the page soon, where it is time to; returns at once. To be called after each record.
  func refresh() {
    let isDue = state.withLock { state in
      guard !state.isWriting, .now >= state.next else { return false }
      state.isWriting = true
      return true
    }
    guard isDue else { return }
    queue.async { [self] in
      let began = ContinuousClock.now
      try? Self.write(folder, isRunning: true)
      let spent = ContinuousClock.now - began
      state.withLock { $0 = (false, .now + max(Self.pause, spent * 100)) }
    }
  }

  /// Writes the page of a run that does not go on.
  func finish() throws {
    // Not before one that is being written, which would take its place.
    try queue.sync { try Self.write(folder, isRunning: false) }
  }

  /// Notes why the run cannot go on, where the thread that writes its records does not, and writes its page. What cannot be
  /// written is lost: the run has failed as it is.
  func fail(_ reason: String, step: Int) {
    RunEvent(.failure, step: step, reason).append(to: folder.file("metrics.jsonl"))
    try? finish()
  }

  private static func write(_ folder: RunFolder, isRunning: Bool) throws {
    let run = try ReportRun(folder: folder.location, isRunning: isRunning)
    try HTMLReport([run]).write(to: folder.file("report.html"))
  }
}
