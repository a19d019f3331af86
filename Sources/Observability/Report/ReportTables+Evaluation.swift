import OrderedJSON

extension ReportTables {
  /// The slices of the held-out pairs at the last evaluation; nil with several runs, and where there are none.
  var slices: String? {
    guard runs.count == 1,
      let json = runs[0].log.records.last(where: { $0.values[Self.slicesName] != nil })?.values[Self.slicesName]
    else { return nil }
    let rows = SliceFigures.slices(in: json).map { slice in
      [
        "\(HTML.escape(slice.trait)): \(HTML.escape(slice.label))", HumanText.percent(slice.accuracy.value),
        "\(HumanText.fixed(slice.accuracy.low * 100, 1)) to \(HumanText.percent(slice.accuracy.high))",
        HumanText.fixed(slice.margin, 3), HumanText.grouped(slice.pairs),
      ]
    }
    return rows.isEmpty
      ? nil : HTML.table(head: ["held-out pairs by", "accuracy", "95 % interval", "margin", "pairs"], rows: rows)
  }

  private static let slicesName = MetricName.evaluationPrefix + MetricName.slices

  /// The answers to the sample prompts, the reference's beside the last ones; nil with several runs, and where there are none.
  var answers: String? {
    guard runs.count == 1 else { return nil }
    let samples = runs[0].samples
    let rows = samples.filter { $0["model"]?.string == "reference" }.map { reference in
      let last = samples.last { $0["model"]?.string == "policy" && $0["prompt"] == reference["prompt"] }
      let asked = reference["messages"]?.array?.last?["content"]?.string ?? ""
      return [asked, reference["response"]?.string ?? "", last?["response"]?.string ?? ""].map(HTML.escape)
    }
    return rows.isEmpty ? nil : HTML.table(head: ["prompt", "the reference's answer", "the last answer"], rows: rows)
  }
}
