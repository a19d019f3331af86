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
    let isChinese = MessageLanguage.current == .chinese
    func share(_ seconds: Double) -> String { HumanText.percent(interval.seconds > 0 ? seconds / interval.seconds : 0) }
    let speeds = interval.ranks.map { HumanText.count($0.seconds > 0 ? $0.pairs / $0.seconds : 0) }
    var parts = [
      Phrase(
        en: "  ranks: \(speeds.joined(separator: " + ")) pairs/s",
        zh: "  各 rank：每秒 \(speeds.joined(separator: " + ")) 对")
    ]
    let exposed = share(interval.ranks.map(\.times.communication).reduce(0, +) / Double(max(1, interval.ranks.count)))
    var communication = Phrase(en: "exposed communication \(exposed)", zh: "未被掩盖的通信 \(exposed)")
    if let overlap = interval.overlap, let bandwidth = interval.busBandwidth(gradientBytes: gradientBytes) {
      let (hidden, bus) = (HumanText.percent(overlap), HumanText.short(bandwidth / 1e9))
      communication =
        communication
        + Phrase(
          en: " (\(hidden) hidden, bus \(bus) GB/s or more)", zh: "（\(hidden) 被掩盖，总线至少 \(bus) GB/s）")
    }
    parts.append(communication)
    parts.append(Phrase(en: "data wait ", zh: "等待数据 ") + Phrase(share(interval.dataWait)))
    if let (rank, ratio) = interval.straggler {
      // Where all are on one host its name says nothing.
      let host = Set(hosts).count > 1 && rank < hosts.count ? hosts[rank] : nil
      let times = HumanText.fixed(ratio, 2)
      parts.append(
        Phrase(
          en: "slowest rank \(rank)\(host.map { " on \($0)" } ?? "") (\(times)× the median)",
          zh: "最慢的是 rank \(rank)\(host.map { "（\($0)）" } ?? "")，为中位数的 \(times) 倍"))
    }
    text =
      isChinese
      ? parts.map(\.zh).joined(separator: "，") + "；瓶颈：\(interval.bound.chinese)"
      : parts.map(\.en).joined(separator: ", ") + "; bound by \(interval.bound.rawValue)"
  }
}

extension IntervalReport.Bound {
  fileprivate var chinese: String {
    switch self {
    case .compute: "计算"
    case .data: "数据"
    case .communication: "通信"
    case .straggler: "掉队的进程"
    case .checkpoint: "检查点"
    }
  }
}
