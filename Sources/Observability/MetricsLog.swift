import Foundation
import OrderedJSON

/// What a `metrics.jsonl` holds, read back for a report or a resumed run.
public struct MetricsLog: Hashable, Sendable {
  /// The records in the order of the file, training and evaluation together.
  public var records: [MetricsRecord]
  /// What happened besides, in the order of the file.
  public var events: [RunEvent] = []
  /// The totals of the last line; nil while the run goes on, or when it was killed.
  public var totals: RunTotals?
  /// Numbers (from 1) of lines that could not be read. A killed machine leaves at most a torn last line.
  public var damagedLines: [Int]

  /// A log made in memory.
  public init(records: [MetricsRecord], totals: RunTotals? = nil, damagedLines: [Int] = []) {
    self.records = records
    self.totals = totals
    self.damagedLines = damagedLines
  }

  /// Reads a file. Lines that are damaged are counted and passed over: a report of most of a run is better than none.
  public init(contentsOf file: URL) throws(MetricsFileError) {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: file)
    } catch {
      throw .cannotRead(file: file.path, reason: error.localizedDescription)
    }
    self.init(records: [])
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    where !line.isEmpty {
      switch Line(line) {
      case .record(let record): records.append(record)
      case .event(let event): events.append(event)
      case .totals(let end): totals = end
      case .damaged: damagedLines.append(index + 1)
      case .unknown: break
      }
    }
  }

  /// What a line of the file is.
  enum Line {
    case record(MetricsRecord)
    case event(RunEvent)
    case totals(RunTotals)
    /// No JSON, or an object that is none of these.
    case damaged
    /// An event of another version of the program.
    case unknown

    init(_ bytes: some Collection<UInt8>) {
      guard let json = try? JSON(parsing: Data(bytes)) else {
        self = .damaged
        return
      }
      if json["event"] != nil, let event = RunEvent(json) {
        self = .event(event)
      } else if let record = MetricsRecord(json) {
        self = .record(record)
      } else if let end = RunTotals(json) {
        self = .totals(end)
      } else {
        self = json["event"] == nil ? .damaged : .unknown
      }
    }
  }

  /// The points of one metric, in the order of the file; records without it are passed over.
  public func series(_ name: String) -> [(step: Int, value: Double)] {
    records.compactMap { record in record[name].map { (record.step, $0) } }
  }
}
