import Foundation

/// What a launcher says last about a job that failed: the first failure in full, the others in a line each.
struct FailureSummary {
  let root: WorkerFailure
  let others: [WorkerFailure]
  /// Ranks that the launcher stopped because of it.
  let stopped: [Int]
  /// Whether the reason that the worker left was shown already, when a worker wrote it.
  let isReasonShown: Bool

  init(root: WorkerFailure, all: [WorkerFailure], stopped: [Int], isReasonShown: Bool = false) {
    self.root = root
    others = all.filter { $0 != root }.sorted { $0.order < $1.order }
    self.stopped = stopped.sorted()
    self.isReasonShown = isReasonShown
  }

  /// Several lines.
  var text: String {
    var lines = [
      "launch: rank \(root.rank) failed first, at \(Self.clock(root.time)): \(root.ending)",
      "  rank \(root.rank), local rank \(root.localRank), on host \(root.host), process \(root.process)",
    ]
    if let reason = root.reason {
      // A worker writes its reason itself; its last lines would only say it again.
      lines +=
        isReasonShown
        ? ["  its reason: see the error above"]
        : ["  its reason:"] + quoted(reason.split(separator: "\n").map(String.init))
    } else if root.lastLines.isEmpty {
      lines.append("  it wrote nothing")
    } else {
      lines += ["  the last lines that it wrote:"] + quoted(root.lastLines)
    }
    lines += root.logs.map { "  log: \($0) (on \(root.host))" }
    if let companions { lines.append("  \(companions)") }
    let followers = others.filter { !sharesReason($0) }
    if !followers.isEmpty {
      lines.append("  after it:")
      lines += followers.map { failure in
        let delay = failure.host == root.host ? Self.delay(failure.time.timeIntervalSince(root.time)) : ""
        return "    rank \(failure.rank) on host \(failure.host), process \(failure.process)\(delay): \(failure.ending)"
      }
    }
    if !stopped.isEmpty {
      lines.append("  stopped because of it: rank\(stopped.count == 1 ? "" : "s") \(Self.list(stopped))")
    }
    return lines.joined(separator: "\n")
  }

  private func sharesReason(_ failure: WorkerFailure) -> Bool { root.reason != nil && failure.reason == root.reason }

  /// The ranks that failed for the same reason, in words; nil where none did.
  private var companions: String? {
    let ranks = (others.filter(sharesReason).map(\.rank) + [root.rank]).sorted()
    guard ranks.count > 1 else { return nil }
    let isAll = ranks.count == 1 + others.count + stopped.count
    return isAll
      ? "\(ranks.count == 2 ? "both" : "all \(ranks.count)") ranks failed for this reason"
      : "ranks \(Self.list(ranks)) failed for this reason"
  }

  private func quoted(_ lines: [String]) -> [String] { lines.map { "    | \($0)" } }

  private static func delay(_ seconds: Double) -> String {
    seconds < 0 ? "" : ", \(String(format: "%.3f", seconds)) s later"
  }

  /// `0–3, 5`.
  static func list(_ ranks: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for rank in ranks {
      if let last = ranges.last, last.upperBound + 1 == rank {
        ranges[ranges.count - 1] = last.lowerBound...rank
      } else {
        ranges.append(rank...rank)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }.joined(
      separator: ", ")
  }

  /// Date and time of day with milliseconds, in local time.
  static func clock(_ time: Date) -> String {
    var seconds = time_t(time.timeIntervalSince1970.rounded(.down))
    let milliseconds = Int((time.timeIntervalSince1970 - Double(seconds)) * 1000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(
      format: "%04d-%02d-%02d %02d:%02d:%02d.%03d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
      parts.tm_hour,
      parts.tm_min, parts.tm_sec, milliseconds)
  }
}
