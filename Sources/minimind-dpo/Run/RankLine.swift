import Observability
import Training

/// What the ranks did in a logging interval, in a line: their speeds, what they waited for, what bounded it.
struct RankLine {
  let text: String

  init(_ interval: IntervalReport) {
    func share(_ seconds: Double) -> String { HumanText.percent(interval.seconds > 0 ? seconds / interval.seconds : 0) }
    let speeds = interval.ranks.map { HumanText.count($0.seconds > 0 ? $0.pairs / $0.seconds : 0) }
    var parts = ["  ranks: \(speeds.joined(separator: " + ")) pairs/s"]
    let exposed = interval.ranks.map(\.times.communication)
    parts.append("exposed communication \(share(exposed.reduce(0, +) / Double(max(1, exposed.count))))")
    parts.append("data wait \(share(interval.dataWait))")
    if let (rank, ratio) = interval.straggler {
      parts.append("slowest rank \(rank) (\(HumanText.fixed(ratio, 2))× the median)")
    }
    text = parts.joined(separator: ", ") + "; bound by \(interval.bound.rawValue)"
  }
}
