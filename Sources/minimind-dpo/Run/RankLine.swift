import Foundation
import Observability
import Training

/// What the ranks did in a logging interval, in a line: their speeds, what they waited for, what bounded it.
struct RankLine {
  private let text: String

  /// The line as a console shows it: on a terminal broken where words end.
  func text(on console: Console) -> String {
    guard console.isInteractive, TerminalText.columns(text) > console.width else { return text }
    return "  " + TerminalText.wrapped(text, width: console.width - 4).replacingOccurrences(of: "\n", with: "\n    ")
  }

  /// - Parameters:
  ///   - hosts: of the ranks, in order
  ///   - gradientBytes: of all gradients of one rank
  init(_ interval: IntervalReport, hosts: [String], gradientBytes: Int) {
    func share(_ seconds: Double) -> String { HumanText.percent(interval.seconds > 0 ? seconds / interval.seconds : 0) }
    let speeds = interval.ranks.map { HumanText.count($0.seconds > 0 ? $0.pairs / $0.seconds : 0) }
    var parts = ["  ranks: \(speeds.joined(separator: " + ")) pairs/s"]
    let exposed = interval.ranks.map(\.times.communication)
    var communication = "exposed communication \(share(exposed.reduce(0, +) / Double(max(1, exposed.count))))"
    if let overlap = interval.overlap, let bandwidth = interval.busBandwidth(gradientBytes: gradientBytes) {
      communication += " (\(HumanText.percent(overlap)) hidden, bus \(HumanText.short(bandwidth / 1e9)) GB/s or more)"
    }
    parts.append(communication)
    parts.append("data wait \(share(interval.dataWait))")
    if let (rank, ratio) = interval.straggler {
      // Where all are on one host its name says nothing.
      let host = Set(hosts).count > 1 && rank < hosts.count ? " on \(hosts[rank])" : ""
      parts.append("slowest rank \(rank)\(host) (\(HumanText.fixed(ratio, 2))× the median)")
    }
    text = parts.joined(separator: ", ") + "; bound by \(interval.bound.rawValue)"
  }
}
