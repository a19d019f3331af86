import Files
import Foundation
import OrderedJSON
import Synchronization

/// A command of the user's that gets every record of a run as a line of JSON on its standard input.
///
/// A thread follows `metrics.jsonl` and writes to the command. Where the command does not read, the thread waits, and nobody
/// for the thread.
final class MetricsCommand: Sendable {
  private struct State {
    var folder: URL
    var hasEnded = false
    var isDone = false
    var hasWarned = false
  }

  private let process: CompanionProcess
  private let log: URL
  private let state: Mutex<State>
  private let warning: @Sendable (String) -> Void

  /// Starts the command for the run in a folder.
  ///
  /// - Parameter warn: told once, where the command ends before the run
  /// - Throws: `StartFailure` where there is no shell
  init(_ command: String, runIn folder: URL, warn: @escaping @Sendable (String) -> Void) throws(StartFailure) {
    let place = TrackersFolder(ofRunIn: folder)
    log = place.file("on-metrics.log")
    process = try CompanionProcess(["/bin/sh", "-c", command], log: log, readsOutput: false)
    state = Mutex(State(folder: folder))
    warning = warn
    Thread.detachNewThread { [self] in
      follow()
      process.input.close()
      state.withLock { $0.isDone = true }
    }
  }

  /// The run goes on in another folder.
  func move(to folder: URL) { state.withLock { $0.folder = folder } }

  /// The run has ended: the command gets the rest, and then the end of its input.
  func end() { state.withLock { $0.hasEnded = true } }

  /// Waits until the command has ended; one that does not is killed.
  func wait(until deadline: ContinuousClock.Instant) {
    while ContinuousClock.now < deadline {
      if state.withLock({ $0.isDone }), let ending = process.look() {
        if ending != .exited(0) { warn("--on-metrics: the command ended with \(ending)\(lastWords)") }
        return
      }
      usleep(20_000)
    }
    guard process.look() == nil else { return }
    warn("--on-metrics: the command does not end, and is killed; what it has not read is in metrics.jsonl")
    process.end()
  }

  // MARK: - Its thread

  private func follow() {
    var folder = state.withLock { $0.folder }
    var lines = MetricsFollower(folder.appending(path: "metrics.jsonl"))
    var sent = DeliveredRecords(in: TrackersFolder(ofRunIn: folder))
    while true {
      // Asked before reading: what was written before the end is read after it.
      let (hasEnded, place) = state.withLock { ($0.hasEnded, $0.folder) }
      if place != folder {
        folder = place
        lines = MetricsFollower(folder.appending(path: "metrics.jsonl"))
        sent.move(to: TrackersFolder(ofRunIn: folder))
      }
      let found = lines.lines()
      for line in found where sent.isNew(line) {
        guard write(line) else { return tellOfEnd() }
        sent.add(line)
      }
      if found.isEmpty {
        if hasEnded { return }
        usleep(200_000)
      }
    }
  }

  /// - Returns: false where nobody will read any more
  private func write(_ line: [UInt8]) -> Bool {
    var rest = line[...]
    while !rest.isEmpty {
      let count = process.input.write(rest)
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        if process.look() != nil { return false }
        var wait = pollfd(fd: process.input.number, events: Int16(POLLOUT), revents: 0)
        poll(&wait, 1, 500)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  private func tellOfEnd() {
    let ending = process.wait(seconds: 1).map { "ended with \($0)" } ?? "closed its input"
    warn("--on-metrics: the command \(ending) and gets no more records; the run goes on\(lastWords)")
  }

  private var lastWords: String { LogTail.lastLine(of: log).map { " (\($0))" } ?? "" }

  /// Warns, once.
  private func warn(_ words: String) {
    let isFirst = state.withLock { state in
      defer { state.hasWarned = true }
      return !state.hasWarned
    }
    if isFirst { warning(words) }
  }
}

/// Which records a command has got, in `on-metrics.sent`: a resumed run writes some of them again.
private struct DeliveredRecords {
  private var counts: [String: Int] = [:]
  private var seen: [String: Int] = [:]
  private var file: AppendingFile?
  private static let name = "on-metrics.sent"

  init(in folder: TrackersFolder) {
    let text = (try? String(contentsOf: folder.file(Self.name), encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") { counts[String(line), default: 0] += 1 }
    file = try? AppendingFile(folder.file(Self.name))
  }

  /// What a record is known by: its step and, for an event, what happened. nil for what no two starts of a run share: an end.
  private static func key(_ line: [UInt8]) -> String? {
    guard let json = try? JSON(parsing: Data(line)), let step = json["step"]?.int else { return nil }
    let event = json["event"]?.string
    return event == RunEvent.Kind.failure.rawValue ? nil : "\(step)" + (event.map { " " + $0 } ?? "")
  }

  /// Whether the next record, in the order of the file, was not delivered yet.
  mutating func isNew(_ line: [UInt8]) -> Bool {
    guard let key = Self.key(line) else { return true }
    seen[key, default: 0] += 1
    return seen[key, default: 0] > counts[key, default: 0]
  }

  mutating func add(_ line: [UInt8]) {
    guard let key = Self.key(line) else { return }
    counts[key, default: 0] += 1
    try? file?.append(Array((key + "\n").utf8))
  }

  mutating func move(to folder: TrackersFolder) {
    seen = [:]
    file = try? AppendingFile(folder.file(Self.name), emptying: true)
    for (key, count) in counts {
      for _ in 0..<count { try? file?.append(Array((key + "\n").utf8)) }
    }
  }
}

/// The end of a log.
enum LogTail {
  /// The last line with something in it, shortened; nil for an empty file.
  static func lastLine(of file: URL) -> String? {
    guard let handle = try? FileHandle(forReadingFrom: file), let size = try? handle.seekToEnd() else { return nil }
    defer { try? handle.close() }
    try? handle.seek(toOffset: size > 2048 ? size - 2048 : 0)
    let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    return lines.last { !$0.isEmpty }.map { $0.count > 200 ? $0.prefix(200) + "…" : $0 }
  }
}
