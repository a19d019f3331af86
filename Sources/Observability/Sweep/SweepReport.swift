import Foundation
import OrderedJSON

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
    let count = table.trials.count
    var model = ReportModel(
      runs, heading: Phrase(en: "DPO sweep of \(HumanText.counted(count, "trial"))", zh: "DPO 扫描，共 \(count) 次试验"))
    let (trials, chosen) = (table.sorted, table.choice.trial)
    model.trials = [
      "choice": table.choice.words.json,
      "note": Phrase(
        en:
          "The best held-out accuracy first; the chosen trial is marked. Loss and margin compare only within one kind of "
          + "loss and β.",
        zh: "按留出数据上的准确率从高到低排列，选中的试验已标出。损失和奖励差只能在同一种损失和 β 之内比较。"
      ).json,
      "head": .array(SweepTable.head.map(\.json)),
      "rows": .array(trials.map { .array(SweepTable.cells($0).map(\.json)) }),
      "chosen": trials.firstIndex { $0 == chosen }.map(JSON.integer) ?? .null,
    ]
    model.ownCharts = charts
    return HTMLReport(model)
  }

  // MARK: - Plots

  /// Accuracy and margin over what was varied: the learning rate, or β where there is only one rate.
  private var charts: [JSON] {
    let variesRate = Set(table.trials.map(\.setting.learningRate)).count > 1
    let over = variesRate ? Phrase(en: "learning rate", zh: "学习率") : Phrase("β")
    func chart(
      _ id: String, _ title: Phrase, _ caption: Phrase, format: ReportChart.Format,
      landmark: (value: Double, label: Phrase), value: (SweepTrial) -> Estimate?
    ) -> JSON {
      var names: [String] = []
      var points: [String: [(x: Double, y: Estimate)]] = [:]
      for trial in table.trials {
        let setting = trial.setting
        let name = variesRate ? "β \(HumanText.short(setting.beta)), \(setting.lossType)" : setting.lossType
        let x = variesRate ? setting.learningRate : setting.beta
        if points[name] == nil { names.append(name) }
        points[name, default: []] += x > 0 ? [value(trial).map { (x, $0) }].compactMap(\.self) : []
      }
      let series = names.map { name -> JSON in
        let sorted = (points[name] ?? []).sorted { $0.x < $1.x }
        return [
          "label": .string(name), "x": .array(sorted.map { JSON.number($0.x) }),
          "y": PlottedSeries.column(sorted.map(\.y.value)), "low": PlottedSeries.column(sorted.map(\.y.low)),
          "high": PlottedSeries.column(sorted.map(\.y.high)),
        ]
      }
      return [
        "id": .string(id), "title": title.json, "caption": caption.json, "format": .string(format.rawValue),
        "over": over.json, "landmark": ["value": .number(landmark.value), "label": landmark.label.json],
        "series": .array(series),
      ]
    }
    return [
      chart(
        "sweep-accuracy", Phrase(en: "Held-out accuracy", zh: "留出数据上的准确率"),
        Phrase(
          en: "With 95 % intervals: points whose bars overlap much cannot be told apart on so many pairs.",
          zh: "竖线为 95 % 置信区间：重叠很多的点，凭这些偏好对无法分出高下。"),
        format: .percent, landmark: (0.5, Phrase(en: "50 %: chance", zh: "50 %：随机水平"))
      ) { $0.accuracy },
      chart(
        "sweep-margin", Phrase(en: "Held-out margin", zh: "留出数据上的奖励差"),
        Phrase(
          en: "How much more the chosen answers gained. A larger β and a larger rate raise it.",
          zh: "优选回答多提升了多少。更大的 β 和学习率都会使它变大。"), format: .fixed3, landmark: (0, Phrase(""))
      ) { trial in trial.result.map { Estimate($0.margin, low: $0.margin, high: $0.margin) } },
    ]
  }
}
