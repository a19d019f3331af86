import OrderedJSON

extension ReportRun {
  /// How far the run is: `{"done": …, "total": …, "left": text}`, the time left at the mean speed of the last records; nil
  /// where the run does not say how many steps it has.
  public var progress: JSON? {
    guard let total = environment?["identity"]?["steps"]?.string.flatMap({ Int($0) }), total > 0 else { return nil }
    let done = min(lastStep, total)
    let steps = log.records.compactMap { $0[MetricName.stepTime] }.suffix(50).filter { $0.isFinite && $0 >= 0 }
    let left = steps.isEmpty ? nil : steps.reduce(0, +) / Double(steps.count) * Double(total - done)
    return [
      "done": .integer(done), "total": .integer(total),
      "left": left.map { seconds in Phrase { HumanText.duration(seconds: seconds, in: $0) }.json } ?? .null,
    ]
  }
}
