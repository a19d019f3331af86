import OrderedJSON

/// What a `metrics.jsonl` holds, read line by line as it grows, in bounded memory however long the run is.
///
/// The curves are kept as ``ThinnedSeries``. Of the records themselves so many stay as words, figures and tables need: a
/// training record that goes leaves the seconds in it to the next one, so that their sums stay what they were.
public struct FollowedLog: Sendable {
  /// Curves by metric.
  public private(set) var series: [String: ThinnedSeries] = [:]
  private var training: [Kept] = []
  private var others: [Kept] = []
  private var events: [RunEvent] = []
  private var totals: RunTotals?
  private var damagedLines: [Int] = []
  private var lineCount = 0
  private let recordLimit: Int
  private static let metrics = Set([true, false].flatMap { ReportChart.all(isSupervised: $0).flatMap(\.metrics) })
  /// The page lists fewer.
  private static let eventLimit = 100

  fileprivate struct Kept {
    var line: Int
    var record: MetricsRecord
    /// How many records it stands for.
    var weight = 1.0
    var isBroken: Bool { record.values[MetricName.loss].map { $0.double?.isFinite != true } ?? false }
  }

  /// Nothing read yet.
  ///
  /// - Parameter recordLimit: how many records are kept at the most, of training and of other kinds each
  public init(recordLimit: Int = 400) { self.recordLimit = max(8, recordLimit) }

  /// Reads a line, without its end.
  public mutating func add(line: some Collection<UInt8>) {
    lineCount += 1
    guard !line.isEmpty else { return }
    switch MetricsLog.Line(line) {
    case .record(let record): add(record)
    case .event(let event):
      events.append(event)
      if events.count > 2 * Self.eventLimit { events.removeFirst(Self.eventLimit) }
    case .totals(let end): totals = end
    case .damaged: if damagedLines.count < Self.eventLimit { damagedLines.append(lineCount) }
    case .unknown: break
    }
  }

  /// The records and events that are kept, in the order of the file.
  public var log: MetricsLog {
    let records = (training + others).sorted { $0.line < $1.line }.map(\.record)
    var log = MetricsLog(records: records, totals: totals, damagedLines: damagedLines)
    log.events = events
    return log
  }

  private mutating func add(_ record: MetricsRecord) {
    for (metric, value) in record.values where Self.metrics.contains(metric) {
      guard let value = ReportRun.point(value, of: metric, in: record) else { continue }
      series[metric, default: ThinnedSeries()].append(step: Double(record.step), value: value)
    }
    let kept = Kept(line: lineCount, record: record)
    if record.values[MetricName.loss] != nil {
      training.append(kept)
      if training.count > 2 * recordLimit { thinTraining() }
    } else {
      // Only the last evaluation's slices are shown, and they are long.
      let slices = MetricName.evaluationPrefix + MetricName.slices
      if record.values[slices] != nil {
        for index in others.indices where others[index].record.values[slices] != nil {
          others[index].record.remove(slices)
        }
      }
      others.append(kept)
      if others.count > 2 * recordLimit { thinOthers() }
    }
  }

  /// Every second record goes, but for the first and the last, and some whose loss was not finite.
  private mutating func thinTraining() {
    var kept: [Kept] = [training[0]]
    var broken = 0
    var going: Kept?
    for index in 1..<training.count {
      var next = training[index]
      if let gone = going { next.take(over: gone) }
      going = nil
      if next.isBroken { broken += 1 }
      let stays = index == training.count - 1 || index.isMultiple(of: 2) || next.isBroken && broken <= recordLimit / 4
      if stays { kept.append(next) } else { going = next }
    }
    training = kept
  }

  private mutating func thinOthers() {
    let last = others.count - 1
    others = others.enumerated().filter { $0.offset == 0 || $0.offset == last || $0.offset.isMultiple(of: 2) }
      .map(\.element)
  }
}

extension FollowedLog.Kept {
  /// Adds what a record that goes says of a stretch of time.
  fileprivate mutating func take(over gone: Self) {
    if let before = gone.record[MetricName.checkpointTime] {
      record[MetricName.checkpointTime] = before + (record[MetricName.checkpointTime] ?? 0)
    }
    for name in [MetricName.tokensPerSecond, MetricName.pairsPerSecond] {
      if let before = gone.record[name], let now = record[name] {
        record[name] = (before * gone.weight + now * weight) / (gone.weight + weight)
      }
    }
    if let times = gone.record.values[MetricName.rankTimes]?.object {
      var sums = record.values[MetricName.rankTimes]?.object ?? [:]
      for (part, values) in times {
        let (one, other) = (values.array ?? [], sums[part]?.array ?? [])
        sums[part] = .array(
          (0..<max(one.count, other.count)).map { rank in
            .number(
              (rank < one.count ? one[rank].double ?? 0 : 0) + (rank < other.count ? other[rank].double ?? 0 : 0))
          })
      }
      record.set(MetricName.rankTimes, to: .object(sums))
    }
    weight += gone.weight
  }
}
