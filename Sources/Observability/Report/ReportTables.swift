import OrderedCollections
import OrderedJSON

/// The tables of the report: outcome, what was dropped, configuration, environment.
struct ReportTables {
  let runs: [ReportRun]
  /// Unique names, escaped.
  let names: [String]

  /// A row per run with its last numbers. Columns that no run has are left out.
  var outcome: String {
    let evaluation = MetricName.evaluationPrefix
    let columns: [(title: String, value: (ReportRun) -> String?)] = [
      ("steps", { run in (run.log.totals?.steps ?? run.log.records.last?.step).map(HumanText.grouped) }),
      ("eval accuracy", { $0.last(evaluation + MetricName.rewardAccuracies).map { HumanText.percent($0) } }),
      ("eval margin", { $0.last(evaluation + MetricName.rewardMargins).map { HumanText.fixed($0, 3) } }),
      ("eval loss", { $0.last(evaluation + MetricName.loss).map { HumanText.fixed($0, 4) } }),
      ("train accuracy", { $0.last(MetricName.rewardAccuracies).map { HumanText.percent($0) } }),
      ("train margin", { $0.last(MetricName.rewardMargins).map { HumanText.fixed($0, 3) } }),
      ("train loss", { $0.last(MetricName.loss).map { HumanText.fixed($0, 4) } }),
      (
        "eval token accuracy",
        { run in
          run.isSupervised ? run.last(evaluation + MetricName.tokenAccuracy).map { HumanText.percent($0) } : nil
        }
      ),
      ("tokens/s", { $0.meanTokensPerSecond.map(HumanText.count) }),
      ("time", { ($0.log.totals?.seconds).map { HumanText.duration(seconds: $0) } }),
      (
        "ended",
        { run in
          run.log.totals.map { $0.stoppedBy.map { "stopped by \($0)" } ?? ($0.endedEarly == nil ? "yes" : "early") }
            ?? "not yet"
        }
      ),
    ]
    let shown = columns.filter { column in runs.contains { column.value($0) != nil } }
    let rows = runs.enumerated().map { index, run in
      [label(index)] + shown.map { HTML.escape($0.value(run) ?? "–") }
    }
    return HTML.table(head: ["run"] + shown.map { HTML.escape($0.title) }, rows: rows)
  }

  /// What was left out of the data and why; nil where no run tells.
  var dropped: String? {
    guard runs.contains(where: { $0.log.totals?.pairsRead != nil || $0.log.totals?.dropped.isEmpty == false }) else {
      return nil
    }
    var reasons: OrderedSet<String> = []
    for run in runs { reasons.formUnion(run.log.totals?.dropped.map(\.key) ?? []) }
    let number = { (count: Int?) in count.map(HumanText.grouped) ?? "–" }
    let rows =
      [
        [runs.contains(where: \.isSupervised) ? "texts in the data" : "pairs in the data"]
          + runs.map { number($0.log.totals?.pairsRead) }
      ]
      + reasons.map { reason in
        ["dropped: " + HTML.escape(reason)] + runs.map { run in number(run.log.totals.map { $0.dropped[reason] ?? 0 }) }
      }
      + [["cut to the maximum length"] + runs.map { number($0.log.totals?.truncated) }]
    return HTML.table(head: runs.count > 1 ? [""] + headings : [], rows: rows)
  }

  /// The resolved configuration; rows in which runs differ come first and are marked.
  var configuration: String? { comparison(of: runs.map(\.settings)) }

  /// Versions, devices, machine.
  var environment: String? { comparison(of: runs.map(\.surroundings)) }

  private func comparison(of columns: [TextDictionary<String>]) -> String? {
    var keys: TextDictionary<Bool> = [:]  // true where the runs differ
    for key in columns.flatMap(\.keys) where keys[key] == nil {
      keys[key] = Set(columns.map { column in column[key].map { ExactText($0) } }).count > 1
    }
    guard !keys.isEmpty else { return nil }
    let differing = keys.filter(\.value).map(\.key)
    let ordered = differing + keys.filter { !$0.value }.map(\.key)
    let rows = ordered.map { key in
      [HTML.escape(key)] + columns.map { "<span class=\"value\">\(HTML.escape($0[key] ?? "–"))</span>" }
    }
    return HTML.table(head: runs.count > 1 ? [""] + headings : [], rows: rows) { row in
      row < differing.count ? "differs" : ""
    }
  }

  private var headings: [String] { runs.indices.map(label) }

  private func label(_ index: Int) -> String {
    runs.count > 1 ? "<i class=\"swatch s\(index % ReportStyle.colorCount)\"></i>\(names[index])" : names[index]
  }
}
