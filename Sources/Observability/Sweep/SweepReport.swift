import Foundation

/// `report.html` of a sweep: which trial to take, the table, the held-out results over the settings, and below them the
/// curves of all trials. One file that fetches nothing.
public struct SweepReport: Sendable {
  private let table: SweepTable
  private let runs: [ReportRun]

  /// A report.
  ///
  /// - Parameter runs: what the trials recorded, in their order
  public init(_ table: SweepTable, runs: [ReportRun]) { (self.table, self.runs) = (table, runs) }

  /// Writes the page, aside and renamed.
  public func write(to file: URL) throws(ReportError) { try page.write(to: file) }

  /// The page.
  public var html: String { page.html }

  private var page: HTMLReport {
    let figures = charts.compactMap { HTML.figure($0, legend: legend($0)) }
    let introduction = """
      <p class="remark">\(HTML.escape(table.choice.text))</p>
      <section>
      <h2>Trials</h2>
      <p class="note">The best held-out accuracy first; the chosen trial is marked. Loss and margin compare only within one \
      kind of loss and β.</p>
      \(rows)
      </section>
      <section>
      <h2>Held-out pairs</h2>
      <div class="plots">
      \(figures.joined(separator: "\n"))
      </div>
      </section>
      """
    return HTMLReport(
      runs, heading: "DPO sweep of \(HumanText.counted(table.trials.count, "trial"))", introduction: introduction)
  }

  private var rows: String {
    let (trials, chosen) = (table.sorted, table.choice.trial)
    return HTML.table(
      head: SweepTable.head.map(HTML.escape), rows: trials.map { SweepTable.cells($0).map(HTML.escape) }
    ) {
      trials[$0] == chosen ? "differs" : ""
    }
  }

  // MARK: - Plots

  /// Accuracy and margin over what was varied: the learning rate, or β where there is only one rate.
  private var charts: [Chart] {
    let variesRate = Set(table.trials.map(\.setting.learningRate)).count > 1
    func groups(_ point: (SweepTrial) -> Chart.Point?) -> [Chart.Series] {
      var names: [String] = []
      var points: [String: [Chart.Point]] = [:]
      for trial in table.trials {
        let setting = trial.setting
        let name = variesRate ? "β \(HumanText.short(setting.beta)), \(setting.lossType)" : setting.lossType
        if points[name] == nil { names.append(name) }
        points[name, default: []] += [point(trial)].compactMap(\.self)
      }
      return names.enumerated().map { color, name in
        Chart.Series(name: name, color: color, points: (points[name] ?? []).sorted { $0.x < $1.x })
      }
    }
    func place(_ setting: SweepSetting) -> Double? {
      let value = variesRate ? setting.learningRate : setting.beta
      return value > 0 ? log10(value) : nil
    }
    var accuracy = Chart(
      title: "Held-out accuracy",
      caption: "With 95 % intervals: points whose bars overlap much cannot be told apart on so many pairs.",
      series: groups { trial in
        guard let accuracy = trial.accuracy, let x = place(trial.setting) else { return nil }
        return Chart.Point(x: x, y: accuracy.value, interval: accuracy.low...accuracy.high)
      })
    accuracy.landmark = Chart.Landmark(value: 0.5, label: "chance")
    accuracy.format = { HumanText.percent($0) }
    var margin = Chart(
      title: "Held-out margin",
      caption: "How much more the chosen answers gained. A larger β and a larger rate raise it.",
      series: groups { trial in
        guard let result = trial.result, let x = place(trial.setting) else { return nil }
        return Chart.Point(x: x, y: result.margin)
      })
    margin.landmark = Chart.Landmark(value: 0, label: "")
    let over = Chart.Over.logarithms(of: variesRate ? "learning rate" : "β")
    (accuracy.over, margin.over) = (over, over)
    return [accuracy, margin]
  }

  private func legend(_ chart: Chart) -> String {
    guard chart.series.count > 1 else { return "" }
    let entries = chart.series.map {
      "<span><i class=\"swatch s\($0.color % ReportStyle.colorCount)\"></i>\(HTML.escape($0.name))</span>"
    }
    return "<p class=\"legend\">\(entries.joined(separator: " "))</p>"
  }
}
