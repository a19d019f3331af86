import Observability

/// The metric that decides which step is best, found in a record under its name, with or without `eval_` in front.
struct BestModelMetric {
  private let name: String

  init(_ name: String) { self.name = name }

  /// The value; NaN where it was not finite.
  ///
  /// - Throws: `Failure` with the names that there are, where there is no such metric
  func value(in record: MetricsRecord) throws -> Double {
    for candidate in [MetricName.evaluationPrefix + name, name] {
      if let value = record.values[candidate], value.double != nil || value.isNull { return value.double ?? .nan }
    }
    let names = record.values.filter { $0.value.double != nil && $0.key != MetricName.epoch }.map(\.key)
    throw Failure(
      .usage,
      "--metric-for-best-model \(name): evaluations do not measure that. They measure \(names.joined(separator: ", "))."
    )
  }
}
