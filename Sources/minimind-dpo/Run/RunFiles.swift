import Foundation
import Observability
import Training

/// The files to which a run appends its numbers: `metrics.jsonl` and TensorBoard's events.
final class RunFiles {
  private let metrics: MetricsFile
  private let events: TensorBoardWriter

  /// Opens them.
  ///
  /// - Parameter resumedStep: the step after which the run continues; 0 for a new one
  init(in folder: RunFolder, resumedStep: Int) throws {
    let file = folder.file("metrics.jsonl")
    let resumes = resumedStep > 0 && FileManager.default.fileExists(atPath: file.path)
    metrics = resumes ? try MetricsFile(resuming: file, afterStep: resumedStep) : try MetricsFile(creating: file)
    events = try TensorBoardWriter(folder: folder.location, resumingAfter: resumedStep > 0 ? resumedStep : nil)
  }

  func append(_ record: MetricsRecord) throws {
    try metrics.append(record)
    try events.append(record)
  }

  /// Writes the last line.
  func finish(_ totals: RunTotals) throws { try metrics.finish(totals) }
}
