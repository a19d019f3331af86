import OrderedJSON

extension ReportRun {
  /// How far the run is: `{"done": …, "total": …, "left": seconds}`; nil where it does not say how many steps it has.
  public var progress: JSON? {
    guard let total = environment?["identity"]?["steps"]?.string.flatMap({ Int($0) }), total > 0 else { return nil }
    let done = min(lastStep, total)
    let perStep = log.records.last { $0[MetricName.stepTime] != nil }?[MetricName.stepTime]
    return [
      "done": .integer(done), "total": .integer(total),
      "left": perStep.map { PlottedSeries.number($0 * Double(total - done)) } ?? .null,
    ]
  }
}
