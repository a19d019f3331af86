import Foundation
import Synchronization

/// The adapter of one tracker, at work for a run.
final class TrackerAdapter: Sendable {
  private let tracker: Tracker
  private let python: String
  private let folder: URL
  private let process: CompanionProcess
  private let isDone = Mutex(false)
  /// Whether a warning was given, which is enough.
  private let hasWarned = Mutex(false)
  private let inform: @Sendable (String) -> Void
  private let warn: @Sendable (String) -> Void

  /// Starts the adapter of the run in a folder.
  ///
  /// - Throws: `StartFailure` where there is no such Python
  init(
    _ tracker: Tracker, python: String, runIn folder: URL, inform: @escaping @Sendable (String) -> Void,
    warn: @escaping @Sendable (String) -> Void
  ) throws(StartFailure) {
    (self.tracker, self.python, self.folder) = (tracker, python, folder)
    (self.inform, self.warn) = (inform, warn)
    let place = TrackersFolder(ofRunIn: folder)
    process = try CompanionProcess(
      [python, place.file(AdapterScript.fileName).path, tracker.rawValue], variables: ["MINIMIND_DPO_FOLLOWS": "1"],
      log: place.file("\(tracker.rawValue).log"), readsOutput: true)
    Thread.detachNewThread { [self] in
      listen()
      isDone.withLock { $0 = true }
    }
  }

  /// The run goes on in another folder.
  func move(to folder: URL) {
    _ = process.input.write(Array((folder.path + "\n").utf8)[...])
  }

  /// The run has ended: the adapter sends the rest, and ends.
  func end() { process.input.close() }

  /// Whether it still works.
  var isWorking: Bool { !isDone.withLock { $0 } }

  /// Waits for its end; one that does not end is killed.
  func wait(until deadline: ContinuousClock.Instant) {
    while ContinuousClock.now < deadline {
      if !isWorking { return }
      usleep(20_000)
    }
    tell("has not sent everything in time, and is ended")
    process.end()
  }

  // MARK: - Its thread

  private func listen() {
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    while let output = process.output {
      let count = read(output.number, &part, part.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      text += part[..<count]
      while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
        hear(String(decoding: text[..<end], as: UTF8.self))
        text.removeSubrange(...end)
      }
    }
    var ending = process.look()
    while ending == nil {
      usleep(50_000)
      ending = process.look()
    }
    guard let ending, ending != .exited(0) else { return }
    tell("ended with \(ending), see \(TrackersFolder(ofRunIn: folder).file("\(tracker.rawValue).log").relativePath)")
  }

  private func hear(_ line: String) {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return }
    switch parts[0] {
    case "info": inform(parts[1])
    case "missing":
      let package = parts[1]
      tell("\(python) has no package \(package): \(python) -m pip install \(package)")
    case "failed": tell("failed: \(parts[1])")
    default: break
    }
  }

  /// Warns, once.
  private func tell(_ words: String) {
    let isFirst = hasWarned.withLock { hasWarned in
      defer { hasWarned = true }
      return !hasWarned
    }
    guard isFirst else { return }
    let script = TrackersFolder(ofRunIn: folder).file(AdapterScript.fileName).relativePath
    warn(
      "--report-to \(tracker.rawValue): \(words). The run is not affected. What is missing can be sent later: \(python) "
        + "\(script) \(tracker.rawValue)")
  }
}
