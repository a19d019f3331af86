import Files
import Foundation
import SwiftProtobuf

/// Writes the numbers of a run where TensorBoard finds them: `events.out.tfevents.<seconds>.<host>.<pid>`.
///
/// Tags are those that `transformers` uses, so that runs of both can be compared: `train/loss`,
/// `eval/rewards/accuracies`. Not `Sendable`: one thread, the training loop's, writes.
public final class TensorBoardWriter {
  /// The file written to. A resumed run starts another in the same folder, which TensorBoard joins to the first.
  public var file: URL { events.file }
  /// Why events wait in memory; nil while all are written.
  public var problem: FileError? { events.problem }
  private let events: RecordQueue

  /// Starts an events file in a folder that exists.
  ///
  /// - Parameter step: the step after which a resumed run goes on; TensorBoard forgets what earlier files said of later
  ///   steps.
  public init(folder: URL, resumingAfter step: Int? = nil, at time: Date = Date()) throws(TensorBoardError) {
    let name = "events.out.tfevents.\(Int(time.timeIntervalSince1970)).\(SystemInfo.hostName).\(getpid())"
    let file = folder.appending(path: name)
    do {
      events = try RecordQueue(file)
    } catch {
      throw TensorBoardError(file: file.path, reason: error.problem)
    }
    try append(at: time) {
      $0.fileVersion = "brain.Event:2"
      $0.sourceMetadata.writer = "minimind-dpo"
    }
    if let step {
      try append(at: time) {
        $0.step = Int64(step + 1)
        $0.sessionLog.status = .start
      }
    }
  }

  /// Appends the finite numbers of a record, except the step, in one write.
  public func append(_ record: MetricsRecord, at time: Date = Date()) throws(TensorBoardError) {
    let values = record.values.keys.compactMap { name in
      record[name].map { number in
        TensorBoardSummary.Value.with {
          $0.tag = Self.tag(of: name)
          $0.simpleValue = Float(number)
        }
      }
    }
    try append(at: time) {
      $0.step = Int64(record.step)
      $0.summary.value = values.filter(\.simpleValue.isFinite)
    }
  }

  /// `loss` → `train/loss`, `eval_loss` → `eval/loss`, `guard_loss` → `eval/guard_loss`.
  package static func tag(of name: String) -> String {
    let prefix = MetricName.evaluationPrefix
    if name.hasPrefix(MetricName.guardLoss) || name.hasPrefix(MetricName.samples) { return "eval/" + name }
    return name.hasPrefix(prefix) ? "eval/" + name.dropFirst(prefix.count) : "train/" + name
  }

  private func append(at time: Date, _ fill: (inout TensorBoardEvent) -> Void) throws(TensorBoardError) {
    var event = TensorBoardEvent()
    event.wallTime = time.timeIntervalSince1970
    fill(&event)
    let record: [UInt8]
    do {
      record = TFRecord.frame(try event.serializedBytes())
    } catch {
      throw TensorBoardError(file: file.path, reason: "\(error)")
    }
    events.append(record)
  }

  /// Goes on in another folder, with all events so far.
  public func move(to folder: URL) throws(FileError) {
    try events.move(to: folder.appending(path: file.lastPathComponent))
  }

  /// Writes what waits.
  public func synchronize() throws(TensorBoardError) {
    do {
      try events.synchronize()
    } catch {
      throw TensorBoardError(file: file.path, reason: error.problem)
    }
  }
}

/// An events file could not be written.
public struct TensorBoardError: Error, Hashable, CustomStringConvertible {
  /// Which file.
  public let file: String
  /// What the system says.
  public let reason: String

  /// What happened, and what to do.
  public var description: String {
    "cannot write TensorBoard's events to \(file): \(reason). Check the free space and the permissions of the output folder."
  }
}
