import Foundation
import OrderedJSON

/// The points of a metric over the steps, few enough for a page.
///
/// Where there are more records than a page can show, neighbours share a bucket, of which the mean, the least and the
/// greatest value are kept: a spike of one step among a hundred thousand is still seen, and a running mean over the buckets is
/// that over the records.
public struct PlottedSeries: Hashable, Sendable {
  /// The steps: of the records, or the mean ones of the buckets.
  public private(set) var steps: [Double] = []
  /// The values, or the buckets' means; NaN where none was finite.
  public private(set) var means: [Double] = []
  /// The least and the greatest values of the buckets; nil where each point is one record.
  public private(set) var extent: (low: [Double], high: [Double])? {
    get { lows.isEmpty ? nil : (lows, highs) }
    set { (lows, highs) = newValue ?? ([], []) }
  }
  private var lows: [Double] = []
  private var highs: [Double] = []
  /// Steps at which the value was not finite, the first few.
  public private(set) var brokenSteps: [Double] = []
  private static let brokenLimit = 50

  /// Thins points out.
  ///
  /// - Parameters:
  ///   - points: in the order of their steps
  ///   - limit: how many points are kept at the most; at least 1
  public init(_ points: [(step: Double, value: Double)], limit: Int) {
    for point in points where !point.value.isFinite && brokenSteps.count < Self.brokenLimit {
      brokenSteps.append(point.step)
    }
    guard points.count > limit else {
      steps = points.map(\.step)
      means = points.map { $0.value.isFinite ? $0.value : .nan }
      return
    }
    for bucket in 0..<limit {
      // The last record stays by itself, so that the curve ends where the run does.
      let count = points.count - 1
      let range =
        bucket == limit - 1
        ? (limit == 1 ? 0 : count)..<points.count
        : count * bucket / max(1, limit - 1)..<count * (bucket + 1) / max(1, limit - 1)
      add(points[range])
    }
  }

  private mutating func add(_ stretch: ArraySlice<(step: Double, value: Double)>) {
    let values = stretch.map(\.value).filter(\.isFinite)
    steps.append(stretch.reduce(0) { $0 + $1.step } / Double(stretch.count))
    means.append(values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count))
    lows.append(values.min() ?? .nan)
    highs.append(values.max() ?? .nan)
  }

  /// Columns: `{"x": […], "y": […], "low": […], "high": […], "broken": […]}`, the last three where there are any.
  var json: JSON {
    var columns: JSON.Object = ["x": Self.column(steps), "y": Self.column(means)]
    if let extent { (columns["low"], columns["high"]) = (Self.column(extent.low), Self.column(extent.high)) }
    if !brokenSteps.isEmpty { columns["broken"] = Self.column(brokenSteps) }
    return .object(columns)
  }

  /// Numbers in six significant digits, which is more than a screen can show.
  static func column(_ values: [Double]) -> JSON { .array(values.map(number)) }

  static func number(_ value: Double) -> JSON {
    guard value.isFinite else { return .null }
    if value == value.rounded(), abs(value) < 1e15 { return .integer(Int(value)) }
    return Double(String(format: "%.6g", value)).map(JSON.number) ?? .null
  }
}
