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
  var words: Wording {
    var lines = [
      Wording(
        en: "launch: rank \(root.rank) failed first, at \(Self.clock(root.time)): \(root.ending)",
        zh: "launch: rank \(root.rank) 最先失败，时间 \(Self.clock(root.time))：\(root.ending.chinese)"),
      Wording(
        en: "  rank \(root.rank), local rank \(root.localRank), on host \(root.host), process \(root.process)",
        zh: "  rank \(root.rank)，local rank \(root.localRank)，主机 \(root.host)，进程 \(root.process)"),
    ]
    if let reason = root.reason {
      // A worker writes its reason itself; its last lines would only say it again.
      lines +=
        isReasonShown
        ? [Wording(en: "  its reason: see the error above", zh: "  原因：见上面的错误")]
        : [Wording(en: "  its reason:", zh: "  原因：")] + quoted(reason.split(separator: "\n").map(String.init))
    } else if root.lastLines.isEmpty {
      lines.append(Wording(en: "  it wrote nothing", zh: "  它没有输出"))
    } else {
      lines += [Wording(en: "  the last lines that it wrote:", zh: "  它最后的输出：")] + quoted(root.lastLines)
    }
    lines += root.logs.map { Wording(en: "  log: \($0) (on \(root.host))", zh: "  日志：\($0)（在 \(root.host) 上）") }
    if let companions { lines.append(Wording("  ") + companions) }
    let followers = others.filter { !sharesReason($0) }
    if !followers.isEmpty {
      lines.append(Wording(en: "  after it:", zh: "  在它之后："))
      lines += followers.map { failure in
        let delay = failure.host == root.host ? Self.delay(failure.time.timeIntervalSince(root.time)) : Wording("")
        return Wording(
          en:
            "    rank \(failure.rank) on host \(failure.host), process \(failure.process)\(delay.en): \(failure.ending)",
          zh: "    rank \(failure.rank)，主机 \(failure.host)，进程 \(failure.process)\(delay.zh)：\(failure.ending.chinese)")
      }
    }
    if !stopped.isEmpty {
      let ranks = Self.list(stopped)
      lines.append(
        Wording(
          en: "  stopped because of it: rank\(stopped.count == 1 ? "" : "s") \(ranks)", zh: "  因此被停止：rank \(ranks)"))
    }
    return Wording(en: lines.map(\.en).joined(separator: "\n"), zh: lines.map(\.zh).joined(separator: "\n"))
  }

  private func sharesReason(_ failure: WorkerFailure) -> Bool { root.reason != nil && failure.reason == root.reason }

  /// The ranks that failed for the same reason, in words; nil where none did.
  private var companions: Wording? {
    let ranks = (others.filter(sharesReason).map(\.rank) + [root.rank]).sorted()
    guard ranks.count > 1 else { return nil }
    let isAll = ranks.count == 1 + others.count + stopped.count
    return isAll
      ? Wording(
        en: "\(ranks.count == 2 ? "both" : "all \(ranks.count)") ranks failed for this reason",
        zh: "\(ranks.count == 2 ? "两个" : "全部 \(ranks.count) 个") rank 都因此失败")
      : Wording(en: "ranks \(Self.list(ranks)) failed for this reason", zh: "rank \(Self.list(ranks)) 因此失败")
  }

  private func quoted(_ lines: [String]) -> [Wording] { lines.map { Wording("    | \($0)") } }

  private static func delay(_ seconds: Double) -> Wording {
    guard seconds >= 0 else { return Wording("") }
    let text = String(format: "%.3f", seconds)
    return Wording(en: ", \(text) s later", zh: "，\(text) 秒之后")
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
