import OrderedJSON

/// Something that happened in a run besides its steps, as a line of `metrics.jsonl`: `{"event": "drift", "step": …}`.
public struct RunEvent: Hashable, Sendable {
  /// What happened.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A step was left out, as its gradient was not a finite number.
    case skippedStep = "skipped_step"
    /// The model does not move, or moves where it should not; see `DriftGuard`.
    case drift
    /// What took the time of the run; see `TimeLosses`.
    case slow
    /// The run ended with an error.
    case failure
  }

  /// What happened.
  public let kind: Kind
  /// The optimizer steps that were done.
  public let step: Int
  /// The same in words.
  public let message: String
  /// Its numbers and names.
  public let values: JSON.Object

  /// An event.
  public init(_ kind: Kind, step: Int, _ message: String, _ values: JSON.Object = [:]) {
    (self.kind, self.step, self.message, self.values) = (kind, step, message, values)
  }

  /// Reads a line of the file; nil where it is no event of this program.
  public init?(_ json: JSON) {
    guard let kind = json["event"]?.string.flatMap(Kind.init), let step = json[MetricName.step]?.int,
      let message = json["message"]?.string, var values = json.object
    else { return nil }
    for name in ["event", MetricName.step, "message"] { values.removeValue(forKey: name) }
    self.init(kind, step: step, message, values)
  }

  /// The line.
  public var json: JSON {
    var object: JSON.Object = [
      "event": .string(kind.rawValue), MetricName.step: .integer(step), "message": .string(message),
    ]
    for (name, value) in values { object[name] = value }
    return .object(object)
  }
}
