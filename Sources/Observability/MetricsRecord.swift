import OrderedJSON

/// One line of `metrics.jsonl`: a step and its numbers, in the order in which they were set.
public struct MetricsRecord: Hashable, Sendable {
  /// Optimizer steps done when the record was made, counted from 1 (0: before the first step).
  public let step: Int
  /// Everything but the step. Usually names from ``MetricName``.
  public private(set) var values: JSON.Object

  /// A record with the values given, written in their order.
  public init(step: Int, _ values: JSON.Object = [:]) {
    self.step = step
    self.values = values
    self.values.removeValue(forKey: MetricName.step)
  }

  /// Reads a line of the file; nil where it is no record (no object, or without a whole `step`).
  public init?(_ json: JSON) {
    guard let object = json.object, let step = object[MetricName.step]?.int else { return nil }
    self.init(step: step, object)
  }

  /// A value as a number: nil where the record has none, or has null in its place (it was not finite).
  public subscript(name: String) -> Double? {
    get { name == MetricName.step ? Double(step) : values[name]?.double }
    set { values[name] = newValue.map(JSON.number) }
  }

  /// Sets a whole number, which is written without a decimal point.
  public mutating func set(_ name: String, to count: Int) {
    values[name] = .integer(count)
  }

  /// Sets something that is not a number, for readers that know it.
  public mutating func set(_ name: String, to json: JSON) {
    values[name] = json
  }

  /// Takes a value out.
  mutating func remove(_ name: String) { values.removeValue(forKey: name) }

  /// The record as an object, `step` first; numbers that are not finite become null, since JSON has no word for them.
  public var json: JSON {
    var object: JSON.Object = [MetricName.step: .integer(step)]
    for (name, value) in values {
      if case .number(let number) = value, !number.isFinite {
        object[name] = .null
      } else {
        object[name] = value
      }
    }
    return .object(object)
  }
}
