import OrderedJSON

/// A metric that is added to point by point, and never takes more room than a page can show.
///
/// As long as there are few points each is kept. Then neighbours share buckets, of which the mean, the least and the greatest
/// value are kept, and whenever there is no room left every two buckets become one. The first and the last point always stay
/// by themselves. What results depends on the points and their order only, not on when they came.
public struct ThinnedSeries: Hashable, Sendable {
  /// Neighbouring points.
  public struct Bucket: Hashable, Sendable {
    /// How many points it holds.
    public private(set) var count: Int
    private var stepSum: Double
    private var finiteCount: Int
    private var valueSum: Double
    /// The least value; NaN where none was finite.
    public private(set) var low: Double
    /// The greatest value.
    public private(set) var high: Double

    init(step: Double, value: Double) {
      (count, stepSum) = (1, step)
      (finiteCount, valueSum) = value.isFinite ? (1, value) : (0, 0)
      low = value.isFinite ? value : .nan
      high = low
    }

    mutating func add(_ other: Bucket) {
      count += other.count
      stepSum += other.stepSum
      finiteCount += other.finiteCount
      valueSum += other.valueSum
      low = low.isNaN ? other.low : other.low.isNaN ? low : min(low, other.low)
      high = high.isNaN ? other.high : other.high.isNaN ? high : max(high, other.high)
    }

    /// The mean step.
    public var step: Double { stepSum / Double(count) }
    /// The mean of the finite values; NaN where there is none.
    public var mean: Double { finiteCount > 0 ? valueSum / Double(finiteCount) : .nan }
  }

  /// The buckets in the order of their steps; the first and the last one hold a point each.
  public private(set) var buckets: [Bucket] = []
  /// How many points a bucket in the middle holds when it is full.
  public private(set) var width = 1
  /// Steps at which the value was not finite, the first few.
  public private(set) var brokenSteps: [Double] = []
  private let capacity: Int
  private static let brokenLimit = 50

  /// No points yet.
  ///
  /// - Parameter capacity: how many buckets are kept at the most; at least 4
  public init(capacity: Int = 1000) { self.capacity = max(4, capacity) }

  /// Adds a point; steps do not fall.
  public mutating func append(step: Double, value: Double) {
    if !value.isFinite, brokenSteps.count < Self.brokenLimit { brokenSteps.append(step) }
    // The point that was the last one joins those before it, where their bucket has room.
    let last = buckets.count - 1
    if last >= 2, buckets[last - 1].count < width {
      let point = buckets.removeLast()
      buckets[last - 1].add(point)
    }
    buckets.append(Bucket(step: step, value: value))
    if buckets.count > capacity { halve() }
  }

  private mutating func halve() {
    var kept = [buckets[0]]
    for index in stride(from: 1, to: buckets.count - 1, by: 2) {
      var bucket = buckets[index]
      if index + 1 < buckets.count - 1 { bucket.add(buckets[index + 1]) }
      kept.append(bucket)
    }
    kept.append(buckets[buckets.count - 1])
    buckets = kept
    width *= 2
  }

  // MARK: - For a page

  /// The number of columns when `group` buckets in the middle make one.
  public func columnCount(group: Int) -> Int {
    buckets.count <= 2 ? buckets.count : 2 + (buckets.count - 3) / group + 1
  }

  /// How many columns stay as they are until `width` changes, whatever is added.
  public func settledCount(group: Int) -> Int {
    guard buckets.count > 2 else { return min(1, buckets.count) }
    // The bucket before the last point may be added to.
    return 1 + (buckets.count - 3) / group
  }

  /// Columns from some column on, as ``PlottedSeries`` has them, and in `from` which one is the first.
  ///
  /// - Parameters:
  ///   - group: how many buckets in the middle make a column
  ///   - start: the first column
  public func json(group: Int = 1, from start: Int = 0) -> JSON {
    let columns = (start..<max(start, columnCount(group: group))).map { column(at: $0, group: group) }
    var object: JSON.Object = [
      "x": PlottedSeries.column(columns.map(\.step)), "y": PlottedSeries.column(columns.map(\.mean)),
    ]
    if start > 0 { object["from"] = .integer(start) }
    if width * group > 1 {
      object["low"] = PlottedSeries.column(columns.map(\.low))
      object["high"] = PlottedSeries.column(columns.map(\.high))
    }
    if !brokenSteps.isEmpty { object["broken"] = PlottedSeries.column(brokenSteps) }
    return .object(object)
  }

  private func column(at index: Int, group: Int) -> Bucket {
    if index == 0 { return buckets[0] }
    if index == columnCount(group: group) - 1 { return buckets[buckets.count - 1] }
    let first = 1 + (index - 1) * group
    var bucket = buckets[first]
    for other in (first + 1)..<max(first + 1, min(first + group, buckets.count - 1)) { bucket.add(buckets[other]) }
    return bucket
  }
}
