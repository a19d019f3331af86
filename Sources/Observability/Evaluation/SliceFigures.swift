import OrderedJSON

/// How well the pairs of a slice (short answers, Chinese ones, …) are told apart.
public struct SliceFigures: Hashable, Sendable {
  /// What the pairs were divided by: `answer length`.
  public var trait: String
  /// What these have in common: `at most 85 tokens`.
  public var label: String
  /// Their number.
  public var pairs: Int
  /// The share of them whose chosen answer has the larger reward, ties counting half.
  public var accuracy: Estimate
  /// Their mean reward margin.
  public var margin: Double

  /// A slice with its numbers.
  public init(trait: String, label: String, pairs: Int, accuracy: Estimate, margin: Double) {
    (self.trait, self.label, self.pairs, self.accuracy, self.margin) = (trait, label, pairs, accuracy, margin)
  }

  /// The slice of some pairs' reward margins; nil without pairs.
  public init?(trait: String, label: String, margins: some Collection<Double>) {
    guard let accuracy = RewardAccuracy(margins: margins).estimate else { return nil }
    self.init(
      trait: trait, label: label, pairs: margins.count, accuracy: accuracy,
      margin: margins.reduce(0, +) / Double(margins.count))
  }

  /// `{"answer length": [{"label": …, "pairs": …, "accuracy": …, "low": …, "high": …, "margin": …}, …], …}`
  public static func json(of slices: [SliceFigures]) -> JSON {
    var object: JSON.Object = [:]
    for slice in slices {
      let figures: JSON = [
        "label": .string(slice.label), "pairs": .integer(slice.pairs), "accuracy": .number(slice.accuracy.value),
        "low": .number(slice.accuracy.low), "high": .number(slice.accuracy.high),
        "margin": slice.margin.isFinite ? .number(slice.margin) : .null,
      ]
      object[slice.trait] = .array((object[slice.trait]?.array ?? []) + [figures])
    }
    return .object(object)
  }

  /// Reads what `json(of:)` wrote; what is something else is passed over.
  public static func slices(in json: JSON?) -> [SliceFigures] {
    (json?.object ?? [:]).flatMap { trait, slices in
      (slices.array ?? []).compactMap { slice in
        guard let label = slice["label"]?.string, let pairs = slice["pairs"]?.int,
          let accuracy = slice["accuracy"]?.double, let low = slice["low"]?.double, let high = slice["high"]?.double
        else { return nil }
        return SliceFigures(
          trait: trait, label: label, pairs: pairs, accuracy: Estimate(accuracy, low: low, high: high),
          margin: slice["margin"]?.double ?? .nan)
      }
    }
  }

  /// The slices whose accuracy differs from that of the other slices of their trait by more than three standard errors.
  /// With a dozen slices, one in a few dozen evaluations does so by chance.
  public static func standingOut(of slices: [SliceFigures]) -> [SliceFigures] {
    slices.filter { slice in
      let others = slices.filter { $0.trait == slice.trait && $0.label != slice.label }
      let rest = Double(others.reduce(0) { $0 + $1.pairs })
      let own = Double(slice.pairs)
      guard own >= 10, rest >= 10 else { return false }
      let mean = others.reduce(0) { $0 + $1.accuracy.value * Double($1.pairs) } / rest
      let pooled = (mean * rest + slice.accuracy.value * own) / (rest + own)
      let error = (pooled * (1 - pooled) * (1 / own + 1 / rest)).squareRoot()
      return abs(slice.accuracy.value - mean) > 3 * error && error > 0
    }
  }
}
