import Foundation
import OrderedCollections
import OrderedJSON

/// What a report says, as data: the page's script draws it, and draws again whatever part of it is replaced.
///
/// ```
/// {"version": 1, "language": "en", "written": …, "title": …, "words": {key: text}, "charts": […], "runs": […],
///  "differences": [option, …]}
/// ```
///
/// A text is a string, or `{"en": …, "zh": …}`. A run has `name`, `state`, `verdict`, `remarks`, `figures`, `clock`, `series`
/// by metric (columns; see ``PlottedSeries``), `parts` (seconds by rank), `slices`, `samples`, `data`, `events`, `settings`
/// and `environment`. A page that follows a run gets such a run anew, or some of its members.
public struct ReportModel: Sendable {
  let runs: [ReportRun]
  /// Unique names.
  let names: [String]
  let heading: Phrase?
  /// Plots that are not over the steps, by their places in the page.
  var ownCharts: [JSON] = []
  /// A table of what was tried, before the runs.
  var trials: JSON?
  /// Points of all series of one metric together.
  private static let pointLimit = 4000

  /// A page about some runs, which are called as their folders are.
  init(_ runs: [ReportRun], heading: Phrase? = nil) {
    (self.runs, self.heading) = (runs, heading)
    // Folders of the same name are told apart by a number.
    var seen: [String: Int] = [:]
    names = runs.map { run in
      let count = seen[run.name, default: 0] + 1
      seen[run.name] = count
      return count == 1 ? run.name : "\(run.name) (\(count))"
    }
  }

  /// A page about runs that have unique names.
  ///
  /// - Parameter folder: what holds them all; where it holds several, the page is about it
  public init(following runs: [ReportRun], in folder: String) {
    (self.runs, names) = (runs, runs.map(\.name))
    heading =
      runs.isEmpty
      ? Phrase(en: "No run yet in \(folder)", zh: "\(folder) 中还没有训练")
      : runs.count == 1 ? nil : Phrase(en: "\(runs.count) runs in \(folder)", zh: "\(folder) 中的 \(runs.count) 次训练")
  }

  /// The title of the page.
  var title: Phrase {
    if let heading { return heading }
    let isSupervised = !runs.isEmpty && runs.allSatisfy(\.isSupervised)
    let kind = isSupervised ? Phrase(en: "Fine-tuning", zh: "微调") : Phrase("DPO")
    return runs.count == 1
      ? kind + Phrase(en: " run \(names[0])", zh: " 训练 \(names[0])")
      : Phrase(
        en: "\(runs.count) \(isSupervised ? "fine-tuning" : "DPO") runs",
        zh: "\(runs.count) 次\(isSupervised ? "微调" : " DPO ")训练")
  }

  /// The whole model.
  ///
  /// - Parameters:
  ///   - language: in which the page opens
  ///   - written: when the page is made
  func json(in language: MessageLanguage = .current, written: Date = Date()) -> JSON {
    var model: JSON.Object = [
      "version": 1, "language": .string(language.rawValue),
      "written": .string(ISO8601DateFormatter().string(from: written)),
      "words": .object(ReportWords.all.mapValues(\.json)),
      "ownCharts": .array(ownCharts), "trials": trials ?? .null,
      "runs": .array(runs.indices.map { json(ofRun: $0) }),
    ]
    for (name, value) in frame { model[name] = value }
    return .object(model)
  }

  /// What is said about all runs together: `title`, `charts`, `differences`.
  public var frame: JSON.Object {
    let isSupervised = runs.contains(where: \.isSupervised)
    return [
      "title": title.json, "charts": .array(ReportChart.all(isSupervised: isSupervised).map(\.json)),
      "differences": .array(differences.map(JSON.string)),
    ]
  }

  /// The options in which the runs differ, but for where they write.
  var differences: [String] {
    guard runs.count > 1 else { return [] }
    let settings = runs.map(\.settings)
    var names: OrderedSet<String> = []
    for setting in settings { names.formUnion(setting.keys) }
    return names.filter { name in
      name != "output-dir" && Set(settings.map { column in column[name].map { ExactText($0) } }).count > 1
    }
  }

  /// One run. A page that is fed with updates gets it again and again.
  func json(ofRun index: Int) -> JSON {
    let run = runs[index]
    let limit = max(100, min(1000, Self.pointLimit / max(1, runs.count)))
    var series: JSON.Object = [:]
    for metric in ReportChart.all(isSupervised: run.isSupervised).flatMap(\.metrics) where series[metric] == nil {
      let points = run.points(of: metric)
      if !points.isEmpty { series[metric] = PlottedSeries(points, limit: limit).json }
    }
    var members = run.members(name: names[index], clockLimit: limit)
    members["series"] = .object(series)
    return .object(members)
  }
}

extension ReportRun {
  /// What the page knows of the run, but for its curves.
  ///
  /// - Parameters:
  ///   - name: what the page calls it
  ///   - clockLimit: how many points tell epochs, pairs and time from steps; at least 2
  public func members(name: String, clockLimit: Int) -> JSON.Object {
    let facts = RunFacts(self)
    return [
      "name": .string(name), "supervised": .bool(isSupervised),
      "state": [
        "name": .string(state.name), "word": state.word.json,
        "sentence": state.sentence(step: lastStep)?.json ?? .null,
      ],
      "verdict": facts.verdict, "remarks": .array(facts.remarks.map(\.json)), "figures": .array(facts.figures),
      "clock": clock(limit: clockLimit), "parts": facts.parts ?? .null,
      "slices": .array(facts.slices), "samples": .array(facts.samples), "data": facts.data ?? .null,
      "events": .array(facts.events),
      "settings": Self.object(settings), "environment": Self.object(surroundings),
    ]
  }

  /// What passes beside the steps, for other axes: epochs, pairs, and seconds, at some of the records.
  private func clock(limit: Int) -> JSON {
    var columns = (steps: [Double](), epochs: [Double](), pairs: [Double](), seconds: [Double]())
    var summed = 0.0
    var lastStep = 0.0
    for record in log.records where record.values[MetricName.loss] != nil {
      // Runs of versions that recorded no wall time: the sum of the steps' times.
      summed += (record[MetricName.stepTime] ?? 0) * (Double(record.step) - lastStep)
      lastStep = Double(record.step)
      columns.steps.append(Double(record.step))
      columns.epochs.append(record[MetricName.epoch] ?? .nan)
      columns.pairs.append(record[MetricName.pairs] ?? .nan)
      columns.seconds.append(record[MetricName.elapsed] ?? summed)
    }
    let count = columns.steps.count
    let kept = count <= limit ? Array(0..<count) : (0..<limit).map { $0 * (count - 1) / (limit - 1) }
    func column(_ values: [Double]) -> JSON {
      let chosen = kept.map { values[$0] }
      return chosen.allSatisfy(\.isFinite) ? PlottedSeries.column(chosen) : .null
    }
    return [
      "step": column(columns.steps), "epoch": column(columns.epochs), "pairs": column(columns.pairs),
      "seconds": column(columns.seconds),
    ]
  }

  private static func object(_ values: TextDictionary<String>) -> JSON { .object(values.mapValues(JSON.string)) }
}
