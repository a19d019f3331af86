import OrderedJSON

/// A number that was measured on a sample, with the interval that holds the true one in 95 % of all samples.
public struct Estimate: Hashable, Sendable, Codable {
  /// The number itself.
  public var value: Double
  /// The lower end of the interval.
  public var low: Double
  /// The upper end.
  public var high: Double

  /// A number and its interval.
  public init(_ value: Double, low: Double, high: Double) {
    (self.value, self.low, self.high) = (value, low, high)
  }

  /// The 0.975 quantile of the normal distribution: what a 95 % interval reaches to on either side.
  public static let normalQuantile = 1.959963984540054

  /// Reads what `json` wrote; nil where it is something else.
  public init?(_ json: JSON?) {
    guard let value = json?["value"]?.double, let low = json?["low"]?.double, let high = json?["high"]?.double else {
      return nil
    }
    self.init(value, low: low, high: high)
  }

  /// `{"value": …, "low": …, "high": …}`
  public var json: JSON { ["value": .number(value), "low": .number(low), "high": .number(high)] }
}
