import Files
import Foundation

/// `report.html`: plots and tables of one run, or of several laid over each other. One file without scripts and without
/// anything fetched, so it can be mailed, archived and opened anywhere.
public struct HTMLReport: Sendable {
  private let runs: [ReportRun]
  private let names: [String]
  private let heading: String?
  private let introduction: String

  /// A report of the runs given, in their order.
  public init(_ runs: [ReportRun]) { self.init(runs, heading: nil, introduction: "") }

  /// - Parameters:
  ///   - heading: the title; nil for one that says how many runs there are
  ///   - introduction: HTML that comes before the runs
  init(_ runs: [ReportRun], heading: String?, introduction: String) {
    (self.runs, self.heading, self.introduction) = (runs, heading, introduction)
    // Folders of the same name are told apart by a number.
    var seen: [String: Int] = [:]
    var unique: [String] = []
    for run in runs {
      let count = seen[run.name, default: 0] + 1
      seen[run.name] = count
      unique.append(count == 1 ? run.name : "\(run.name) (\(count))")
    }
    names = unique
  }

  /// Writes the page, aside and renamed, so that a browser never loads half of it.
  public func write(to file: URL) throws(ReportError) {
    do {
      try writeAtomically(html.utf8, to: file)
    } catch {
      throw ReportError(file: file.path, reason: error.problem)
    }
  }

  /// The page.
  public var html: String {
    let kind = !runs.isEmpty && runs.allSatisfy(\.isSupervised) ? "fine-tuning" : "DPO"
    let title =
      heading
      ?? (runs.count == 1
        ? "\(kind.prefix(1).uppercased() + kind.dropFirst()) run \(names[0])" : "\(runs.count) \(kind) runs")
    let tables = ReportTables(runs: runs, names: names.map(HTML.escape))
    let named = zip(runs, names).map { run, name in
      var run = run
      run.name = name
      return run
    }
    let sections = [
      section("Outcome", tables.outcome),
      plots(ReportCharts(runs: named)),
      section("Slices", tables.slices),
      section("Answers", tables.answers),
      section("Data", tables.dropped),
      section("Configuration", tables.configuration, isFolded: true),
      section("Environment", tables.environment, isFolded: true),
    ]
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(HTML.escape(title))</title>
      <style>
      \(ReportStyle.css)
      </style>
      </head>
      <body>
      <h1>\(HTML.escape(title))</h1>
      \(introduction)
      \(remarks)
      \(sections.joined(separator: "\n"))
      </body>
      </html>

      """
  }

  /// What a reader must know before the numbers.
  private var remarks: String {
    var remarks: [String] = []
    for (run, name) in zip(runs, names) {
      let start = runs.count == 1 ? "" : "\(name): "
      if run.log.records.isEmpty { remarks.append("\(start)No records yet.") }
      if !run.log.damagedLines.isEmpty {
        let lines = run.log.damagedLines.map(String.init).joined(separator: ", ")
        remarks.append("\(start)The file metrics.jsonl could not be read in line \(lines); the rest is shown.")
      }
      let broken = run.points(of: MetricName.loss).filter { !$0.y.isFinite }.count
      if broken > 0 { remarks.append("\(start)The loss was not a finite number in \(broken) of the records.") }
    }
    return remarks.map { "<p class=\"remark\">\(HTML.escape($0))</p>" }.joined(separator: "\n")
  }

  private func plots(_ charts: ReportCharts) -> String {
    let figures = charts.all.compactMap { HTML.figure($0, legend: legend(of: $0)) }
    if figures.isEmpty { return "" }
    let runLegend =
      runs.count > 1
      ? "<p class=\"legend runs\">"
        + names.enumerated().map { index, name in
          "<span><i class=\"swatch s\(index % ReportStyle.colorCount)\"></i>\(HTML.escape(name))</span>"
        }.joined(separator: " ") + "</p>"
      : ""
    let note =
      charts.all.contains { $0.series.contains(where: $0.isSmoothed) }
      ? " Where records jump about, the strong line is their running mean"
        + (runs.count == 1 ? " and the faint one the records." : ".")
      : ""
    return """
      <section>
      <h2>Training</h2>
      \(runLegend)<p class="note">Everything over the steps of the optimizer; point at a plot for its values.\(note)</p>
      <div class="plots">
      \(figures.joined(separator: "\n"))
      </div>
      </section>
      """
  }

  /// What colours and kinds of line mean in one plot; nothing where there is but one line.
  private func legend(of chart: Chart) -> String {
    var entries: [String] = []
    func add(_ swatch: String, _ text: String) {
      let entry = "<span>\(swatch)\(text)</span>"
      if !entries.contains(entry) { entries.append(entry) }
    }
    let hasBothSides = chart.series.contains { $0.name.hasSuffix("rejected") }
    for series in chart.series where runs.count == 1 {
      let style = "s\(series.color)" + (series.isEvaluation ? " ring" : "")
      add(
        "<i class=\"swatch \(style)\"></i>",
        HTML.escape(series.isEvaluation ? "evaluation" : hasBothSides ? series.name : "training"))
    }
    if runs.count > 1 {
      if hasBothSides {
        add("<i class=\"swatch bar\"></i>", "chosen")
        add("<i class=\"swatch bar broken\"></i>", "rejected")
      }
      if chart.series.contains(where: \.isEvaluation) {
        add("<i class=\"swatch bar\"></i>", "training")
        add("<i class=\"swatch ring\"></i>", "evaluation")
      }
    }
    return entries.count > 1 ? "<p class=\"legend\">\(entries.joined(separator: " "))</p>" : ""
  }

  private func section(_ title: String, _ content: String?, isFolded: Bool = false) -> String {
    guard let content else { return "" }
    return isFolded
      ? "<details\(runs.count > 1 ? " open" : "")>\n<summary><h2>\(title)</h2></summary>\n\(content)\n</details>"
      : "<section>\n<h2>\(title)</h2>\n\(content)\n</section>"
  }
}

/// A report could not be written.
public struct ReportError: Error, Hashable, CustomStringConvertible {
  /// Which file.
  public let file: String
  /// What the system says.
  public let reason: String

  /// What happened, and what to do.
  public var description: String {
    "cannot write the report to \(file): \(reason). Check the free space and the permissions of the folder."
  }
}
