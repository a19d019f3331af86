import Files
import Foundation
import Observability
import OrderedJSON

/// A run as the dashboard knows it, kept up to date by looking at its folder again and again.
struct FollowedRun {
  let name: String
  let location: URL
  /// Counts up whenever the run begins anew: what a page knows of it no longer holds.
  private(set) var incarnation = 0
  private(set) var log = FollowedLog()
  /// What the run says of its processes right now; nil where it says nothing.
  private(set) var activity: RunActivity?
  private(set) var holder: FolderLock.Holder?
  /// Whether the process that has the folder is stopped (SIGSTOP, a debugger).
  private(set) var isSuspended = false
  private var environment: JSON?
  private var configuration: String?
  private var data: JSON?
  private var samples = FollowedSamples()
  private var metricsFile: FollowedFile
  private var samplesFile: FollowedFile
  private var environmentFile: WrittenFile
  private var configurationFile: WrittenFile
  private var dataFile: WrittenFile
  private var activityFile: WrittenFile

  init(_ found: RunSearch.Found) {
    (name, location) = (found.name, found.location)
    func file(_ name: String) -> URL { found.location.appendingPathComponent(name) }
    metricsFile = FollowedFile(file("metrics.jsonl"))
    samplesFile = FollowedFile(file("samples.jsonl"))
    environmentFile = WrittenFile(file("environment.json"))
    configurationFile = WrittenFile(file("config.yaml"))
    dataFile = WrittenFile(file("data.json"))
    activityFile = WrittenFile(file(RunActivity.fileName))
  }

  /// Looks at the folder.
  ///
  /// - Returns: whether anything is new, and whether there is more to read at once
  mutating func look() -> (isNew: Bool, hasMore: Bool) {
    var isNew = false
    let piece = metricsFile.look()
    if piece.isOther {
      log = FollowedLog()
      incarnation += 1
      isNew = true
    }
    for line in piece.lines { log.add(line: line) }
    if !piece.lines.isEmpty { isNew = true }
    let answers = samplesFile.look()
    if answers.isOther { samples = FollowedSamples() }
    for line in answers.lines { samples.add(line) }
    if answers.isOther || !answers.lines.isEmpty { isNew = true }
    if let bytes = environmentFile.look() {
      environment = bytes.flatMap { try? JSON(parsing: $0) }
      isNew = true
    }
    if let bytes = configurationFile.look() {
      configuration = bytes.map { String(decoding: $0, as: UTF8.self) }
      isNew = true
    }
    if let bytes = dataFile.look() {
      data = bytes.flatMap { try? JSON(parsing: $0) }
      isNew = true
    }
    if lookAtProcesses() { isNew = true }
    return (isNew, piece.hasMore || answers.hasMore)
  }

  private mutating func lookAtProcesses() -> Bool {
    let before = (holder?.words, isSuspended, activity)
    holder = FolderLock.holder(of: location)
    isSuspended = holder.map { $0.isHere && ProcessLetter.isStopped($0.process) } ?? false
    if let bytes = activityFile.look() { activity = bytes.flatMap { RunActivity($0) } }
    activity?.age = activityFile.age ?? 0
    if holder == nil { activity = nil }
    // How old the file is counts only once that is long.
    func coarse(_ activity: RunActivity?) -> RunActivity? {
      guard var activity else { return nil }
      activity.age = activity.isSilent ? activity.age.rounded(.down) : 0
      return activity
    }
    return before.0 != holder?.words || before.1 != isSuspended || coarse(before.2) != coarse(activity)
  }

  /// The run as a report has it; its curves are `log.series`.
  var run: ReportRun {
    var run = ReportRun(name: name, log: log.log, configuration: configuration, environment: environment)
    (run.data, run.samples) = (data, samples.lines)
    run.isRunning = holder == nil ? false : holder?.isHere == true ? true : nil
    return run
  }
}

/// Answers to the sample prompts: the reference's, and the last ones of the model.
private struct FollowedSamples {
  private var references: [JSON] = []
  private var latest: [JSON] = []
  private static let limit = 200

  var lines: [JSON] { references + latest }

  mutating func add(_ line: Data) {
    guard let answer = try? JSON(parsing: line) else { return }
    if answer["model"]?.string == "reference" {
      if references.count < Self.limit { references.append(answer) }
    } else if let known = latest.firstIndex(where: { $0["prompt"] == answer["prompt"] }) {
      latest[known] = answer
    } else if latest.count < Self.limit {
      latest.append(answer)
    }
  }
}

/// The state of a process by the letter of `/proc/<process>/stat` (proc(5)).
enum ProcessLetter {
  /// Whether a process was stopped, by a signal or a debugger.
  static func isStopped(_ process: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return false }
    let letter = text[text.index(after: end)...].drop { $0 == " " }.first
    return letter == "T" || letter == "t"
  }
}
