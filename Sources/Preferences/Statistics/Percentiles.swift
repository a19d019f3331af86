import OrderedJSON

/// The distribution of a list of lengths.
public struct Percentiles: Hashable, Sendable, Codable {
  /// The mean; 0 for an empty list.
  public var mean = 0.0
  /// The smallest value.
  public var minimum = 0
  /// Half of the values are at most this.
  public var median = 0
  /// 90 % of the values are at most this.
  public var p90 = 0
  /// 99 % of the values are at most this.
  public var p99 = 0
  /// The largest value.
  public var maximum = 0

  /// An empty list.
  public init() {}

  /// The percentiles of values by the nearest-rank rule: the p-th is the value at place ⌈p · n⌉ of the sorted list.
  public init(_ values: [Int]) {
    guard !values.isEmpty else { return }
    let sorted = values.sorted()
    func at(_ percent: Int) -> Int { sorted[max(0, (percent * sorted.count + 99) / 100 - 1)] }
    mean = Double(sorted.reduce(0, +)) / Double(sorted.count)
    minimum = sorted[0]
    median = at(50)
    p90 = at(90)
    p99 = at(99)
    maximum = sorted[sorted.count - 1]
  }
}

extension Percentiles {
  /// The numbers as an object.
  public var json: JSON {
    [
      "mean": .number(mean), "min": .integer(minimum), "median": .integer(median), "p90": .integer(p90),
      "p99": .integer(p99), "max": .integer(maximum),
    ]
  }
}
