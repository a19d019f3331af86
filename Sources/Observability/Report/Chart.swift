import Foundation

/// A plot of one quantity over the steps: what is in it, not how it is drawn (see `Chart+SVG.swift`).
struct Chart {
  /// A measured point; `y` is NaN where the value was not finite.
  struct Point: Hashable {
    var x: Double
    var y: Double
    /// An interval around `y`, drawn as a bar.
    var interval: ClosedRange<Double>?
  }

  /// One curve.
  struct Series {
    /// What a tooltip calls it.
    var name: String
    /// Index into the palette of `ReportStyle.swift`.
    var color: Int
    var isDashed = false
    /// Drawn as open circles: measured rarely, on other pairs.
    var isEvaluation = false
    var points: [Point]
  }

  /// What the plot goes over.
  enum Over: Hashable, Sendable {
    /// Optimizer steps.
    case steps
    /// The decimal logarithms of a setting that was tried at these values; the setting's name is for tooltips.
    case logarithms(of: String)
  }

  /// A horizontal line with a meaning.
  struct Landmark {
    var value: Double
    var label: String
  }

  var title: String
  /// What to make of it, in a sentence.
  var caption: String
  var series: [Series]
  var over = Over.steps
  var landmark: Landmark?
  /// A fixed vertical range; else it follows the values.
  var range: ClosedRange<Double>?
  /// Whether single records jump about, so that a running mean helps the eye.
  var isNoisy = false
  /// Whether the records themselves are drawn behind their running mean.
  var showsRecords = true
  /// How a tooltip writes a value.
  var format: @Sendable (Double) -> String = HumanText.short

  /// Whether a curve is drawn as its running mean. A mean of a handful of records would hide as much as it shows.
  func isSmoothed(_ series: Series) -> Bool { isNoisy && !series.isEvaluation && series.points.count >= 60 }

  /// The range of the steps.
  var stepRange: ClosedRange<Double>? { Self.span(series.flatMap(\.points).map(\.x)) }

  /// The range of the values, which makes room for the landmark when that is not far off.
  var valueRange: ClosedRange<Double>? {
    if let range { return range }
    let points = series.flatMap(\.points)
    let values = points.map(\.y) + points.flatMap { $0.interval.map { [$0.lowerBound, $0.upperBound] } ?? [] }
    guard let span = Self.span(values.filter(\.isFinite)) else { return nil }
    guard let landmark, Self.isNear(landmark.value, span) else { return span }
    return min(span.lowerBound, landmark.value)...max(span.upperBound, landmark.value)
  }

  private static func isNear(_ value: Double, _ span: ClosedRange<Double>) -> Bool {
    let room = max((span.upperBound - span.lowerBound) * 0.5, abs(value) * 0.05)
    return value >= span.lowerBound - room && value <= span.upperBound + room
  }

  private static func span(_ values: [Double]) -> ClosedRange<Double>? {
    guard let least = values.min(), let greatest = values.max() else { return nil }
    return least...greatest
  }
}

extension [Chart.Point] {
  /// At most about `4 × buckets` points that draw the same line: of each stretch of steps the first, the least, the
  /// greatest and the last, so that no spike gets lost.
  func thinned(to buckets: Int) -> [Chart.Point] {
    guard count > 4 * buckets else { return self }
    var kept: [Chart.Point] = []
    for bucket in 0..<buckets {
      let stretch = self[count * bucket / buckets..<count * (bucket + 1) / buckets]
      let finite = stretch.indices.filter { self[$0].y.isFinite }
      let marked: Set<Int> = Set(
        [
          stretch.startIndex, stretch.endIndex - 1, finite.min { self[$0].y < self[$1].y },
          finite.max { self[$0].y < self[$1].y },
        ].compactMap(\.self))
      // One that is not finite stands for the gap.
      let gap = stretch.indices.first { !self[$0].y.isFinite }
      kept += marked.union([gap].compactMap(\.self)).sorted().map { self[$0] }
    }
    return kept
  }

  /// The running mean over a window centred on each point. Points that are not finite stay
  /// what they are and are left out of the means.
  func smoothed(window: Int) -> [Chart.Point] {
    let half = window / 2
    var sums = [0.0]
    var counts = [0]
    for point in self {
      sums.append((sums.last ?? 0) + (point.y.isFinite ? point.y : 0))
      counts.append((counts.last ?? 0) + (point.y.isFinite ? 1 : 0))
    }
    return indices.map { index in
      guard self[index].y.isFinite else { return self[index] }
      // Towards the ends the window shrinks, as a lopsided one would bend the curve, but not to a point, which would jump.
      let reach = Swift.max(Swift.min(half, index, count - 1 - index), half / 3)
      let (from, to) = (Swift.max(0, index - reach), Swift.min(count, index + reach + 1))
      return Chart.Point(x: self[index].x, y: (sums[to] - sums[from]) / Double(counts[to] - counts[from]))
    }
  }
}
