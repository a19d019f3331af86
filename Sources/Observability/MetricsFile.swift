import Files
import Foundation
import OrderedJSON

/// `metrics.jsonl`, open for writing: a JSON object a line.
///
/// A line reaches the kernel in one write, so that a program that follows the file never sees half a line and a killed process
/// loses none. Lines that cannot be written, on a full disk, wait in memory until there is room. Not `Sendable`: one thread,
/// the training loop's, writes it.
public final class MetricsFile {
  /// Where the file is.
  public var file: URL { lines.file }
  /// Why lines wait in memory; nil while all are written.
  public var problem: FileError? { lines.problem }
  /// How many lines wait.
  public var waitingCount: Int { lines.waitingCount }
  private let lines: RecordQueue

  /// Starts a new, empty file; what was there before is lost.
  public convenience init(creating file: URL) throws(MetricsFileError) {
    try self.init(file, emptying: true)
  }

  /// Continues the file of a run that is resumed after `step` steps: lines of later steps, the end line and damaged
  /// lines are dropped, since the run is about to write them again. A file that is not there is started.
  public convenience init(resuming file: URL, afterStep step: Int) throws(MetricsFileError) {
    if FileManager.default.fileExists(atPath: file.path) {
      let log = try MetricsLog(contentsOf: file)
      // Why an earlier start failed is no part of the run that goes on.
      let events = log.events.filter { $0.kind != .failure }.map { (step: $0.step, json: $0.json) }
      let kept = (log.records.map { (step: $0.step, json: $0.json) } + events).filter { $0.step <= step }
        .enumerated().sorted { ($0.element.step, $0.offset) < ($1.element.step, $1.offset) }
      let text = kept.map { $0.element.json.serialized() + "\n" }.joined()
      do {
        try writeAtomically(text.utf8, to: file)
      } catch {
        throw .cannotWrite(file: file.path, reason: error.problem)
      }
    }
    try self.init(file, emptying: false)
  }

  private init(_ file: URL, emptying: Bool) throws(MetricsFileError) {
    do {
      lines = try RecordQueue(file, emptying: emptying)
    } catch {
      throw .cannotWrite(file: file.path, reason: error.problem)
    }
  }

  /// Appends a record, now or as soon as it can be written.
  public func append(_ record: MetricsRecord) { append(line: record.json) }

  /// Appends an event, now or as soon as it can be written.
  public func append(_ event: RunEvent) { append(line: event.json) }

  /// Goes on in another place, with all lines so far.
  public func move(to file: URL) throws(FileError) { try lines.move(to: file) }

  /// Writes the last line and waits until the disk has it all.
  public func finish(_ totals: RunTotals) throws(MetricsFileError) {
    append(line: totals.json)
    do {
      try lines.synchronize()
    } catch {
      throw .cannotWrite(file: file.path, reason: error.problem)
    }
  }

  private func append(line json: JSON) { lines.append(Array((json.serialized() + "\n").utf8)) }
}

/// Why a metrics file could not be used.
public enum MetricsFileError: Error, Hashable, CustomStringConvertible {
  /// It could not be opened or read.
  case cannotRead(file: String, reason: String)
  /// It could not be created or written.
  case cannotWrite(file: String, reason: String)

  /// What happened, and what to do.
  public var description: String {
    switch self {
    case .cannotRead(let file, let reason):
      "cannot read the metrics in \(file): \(reason). Expected the metrics.jsonl of a run; give the run's output folder."
    case .cannotWrite(let file, let reason):
      "cannot write the metrics to \(file): \(reason). Check the free space and the permissions of the output folder."
    }
  }
}
