import Observability
import Preferences

/// What the linter found, for readers.
struct LintPrinter {
  let report: LintReport
  /// The path of the file that it is about.
  let path: String
  /// Columns of the terminal that are written in.
  private static let width = 100

  /// The whole report: a heading, the findings with examples and advice, and the lengths.
  var text: String {
    let heading = "\(path): \(HumanText.counted(report.pairs, "pair")), \(summary)"
    return ([heading, ""] + report.findings.flatMap(lines) + lengths).joined(separator: "\n") + "\n"
  }

  /// How many findings of each kind.
  var summary: String {
    if report.findings.isEmpty { return "nothing found" }
    let counts = LintSeverity.allCases.map { HumanText.counted(report.findings($0).count, $0.rawValue) }
    return counts.joined(separator: ", ")
  }

  /// A line for the start of a run: what problems and warnings there are, without those that the statistics tell already;
  /// nil where there is nothing to say.
  var line: String? {
    let known = ["identical-sides", "same-after-truncation", "nothing-to-learn", "cut-answers"]
    let findings = report.findings.filter { $0.severity != .note && !known.contains($0.check) }
    if findings.isEmpty { return nil }
    let words = findings.map { "\($0.check) \(HumanText.grouped($0.count))" }
    return Phrase(
      en: "linter: \(words.joined(separator: ", ")); see minimind-dpo data \(path) --lint",
      zh: "数据检查：\(words.joined(separator: "、"))；详见 minimind-dpo data \(path) --lint"
    ).text
  }

  private func lines(of finding: LintFinding) -> [String] {
    let check = LintCheck.named(finding.check)
    let share = HumanText.percent(Double(finding.count) / Double(max(1, finding.total)))
    let heading =
      finding.severity.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0)
      + "\(finding.check): \(HumanText.grouped(finding.count)) of \(HumanText.counted(finding.total, finding.unit)) (\(share)): "
      + "\(check.map { LintWords.title($0).text } ?? "")"
    let examples = finding.examples.map { "line \($0.line): \($0.note)" }
    let remark = finding.remark.map { [$0.prefix(1).uppercased() + $0.dropFirst() + "."] } ?? []
    return [heading] + indented(examples) + indented(remark + [check.map { LintWords.advice($0).text } ?? ""]) + [""]
  }

  private func indented(_ texts: [String]) -> [String] {
    texts.filter { !$0.isEmpty }.flatMap { text in
      TerminalText.wrapped(text, width: Self.width - 9).split(separator: "\n").enumerated().map { number, line in
        String(repeating: " ", count: number == 0 || !text.hasPrefix("line ") ? 9 : 11) + line
      }
    }
  }

  // MARK: Lengths

  private var lengths: [String] {
    let columns = [
      ("prompts", report.lengths.prompts), ("chosen answers", report.lengths.chosen),
      ("rejected answers", report.lengths.rejected),
    ]
    let bins = columns.flatMap { _, histogram in histogram.counts.indices.filter { histogram.counts[$0] > 0 } }
    guard let first = bins.min(), let last = bins.max() else { return [] }
    let largest = columns.flatMap(\.1.counts).max() ?? 1
    let header = padded("tokens", 15) + columns.map { padded($0.0, 26) }.joined()
    let rows = (first...last).map { bin in
      let range = LengthHistogram.range(ofBin: bin)
      let name =
        range.count == 1
        ? HumanText.grouped(range.lowerBound)
        : "\(HumanText.grouped(range.lowerBound))–\(HumanText.grouped(range.upperBound))"
      return padded(name, 15)
        + columns.map { padded(bar($0.1.counts.indices.contains(bin) ? $0.1.counts[bin] : 0, of: largest), 26) }
        .joined()
    }
    let share = HumanText.percent(report.lengths.longerShare)
    let correlation = HumanText.fixed(report.lengths.correlation, 2)
    let preference =
      "The longer answer is the chosen one in \(share) of the pairs; correlation of length and being chosen \(correlation)."
    return ([header] + rows).map(trimmed) + ["", preference]
  }

  private func bar(_ count: Int, of largest: Int) -> String {
    guard count > 0 else { return "" }
    let eighths = max(1, count * 16 * 8 / largest)
    let blocks = String(repeating: "█", count: eighths / 8) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    return "\(blocks) \(HumanText.grouped(count))"
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private func trimmed(_ text: String) -> String {
    String(text.reversed().drop { $0 == " " }.reversed())
  }
}
