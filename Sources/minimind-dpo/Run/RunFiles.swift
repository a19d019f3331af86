import Files
import Foundation
import Logging
import Observability
import Training

/// The files to which a run appends its numbers: `metrics.jsonl` and TensorBoard's events; with those who hear of them. A full disk or a folder that is
/// gone does not end the run: what cannot be written waits in memory, and warnings say so again and again.
final class RunFiles {
  /// Written anew in a folder that takes the place of one that is gone.
  var whenMoved: [() throws -> Void] = []
  private let folder: RunFolder
  private let rescue: URL?
  private let metrics: MetricsFile
  private let events: TensorBoardWriter?
  private let broadcast: MetricsBroadcast
  private let logger = Logger(label: "train")
  private var isToMove = false
  private var nextWarning: ContinuousClock.Instant?

  /// Opens them.
  ///
  /// - Parameters:
  ///   - resumedStep: the step after which the run continues; 0 for a new one
  ///   - output: where the run goes on when its own folder is gone, and who hears of its numbers
  ///   - goesOn: whether it is the run that was in the folder, be it from its first step
  init(in folder: RunFolder, resumedStep: Int, _ output: TrainingRequest.Output, goesOn: Bool) throws {
    (self.folder, rescue) = (folder, output.rescueLocation)
    let file = folder.file("metrics.jsonl")
    let resumes = resumedStep > 0 && FileManager.default.fileExists(atPath: file.path)
    metrics = resumes ? try MetricsFile(resuming: file, afterStep: resumedStep) : try MetricsFile(creating: file)
    events =
      output.writesTensorBoard
      ? try TensorBoardWriter(folder: folder.location, resumingAfter: resumedStep > 0 ? resumedStep : nil) : nil
    broadcast = MetricsBroadcast(output.audience, runIn: folder.location, goesOn: goesOn)
  }

  func append(_ record: MetricsRecord) throws {
    lookAfterFolder()
    metrics.append(record)
    try events?.append(record)
    tellOfProblems()
  }

  func append(_ event: RunEvent) {
    lookAfterFolder()
    metrics.append(event)
    tellOfProblems()
  }

  /// Writes the last line.
  ///
  /// - Throws: what the disk has no room for at the end either
  func finish(_ totals: RunTotals) throws {
    lookAfterFolder()
    defer { broadcast.end() }
    try metrics.finish(totals)
    try events?.synchronize()
  }

  /// Gives those who hear of the run the time to get the rest, which is not long.
  func waitForAudience() { broadcast.wait() }

  /// Finds out whether the folder was removed or renamed under the run, and goes on in another one where it was.
  func lookAfterFolder() {
    do {
      let before = folder.location
      if let words = try folder.putBackIfGone(rescue: rescue) {
        let now = folder.location
        logger.warning(
          Phrase(
            en: words,
            zh: "\(before.path) 在训练期间被删除、改名或换成了别的文件夹；"
              + (now == before ? "已重新建立" : "训练在 \(now.path) 中继续")))
        isToMove = true
      }
      guard isToMove else { return }
      for write in whenMoved { try write() }
      try metrics.move(to: folder.file("metrics.jsonl"))
      try events?.move(to: folder.location)
      broadcast.move(to: folder.location)
      isToMove = false
    } catch {
      warn(Phrase(en: "\(error). Training goes on, and it is tried again.", zh: "\(error)。训练继续，稍后再试。"))
    }
  }

  private func tellOfProblems() {
    if let problem = metrics.problem ?? events?.problem {
      let waiting = metrics.waitingCount
      warn(
        Phrase(
          en:
            "\(problem). Training goes on; \(HumanText.counted(waiting, "record")) kept in memory until there is room.",
          zh: "\(problem)。训练继续；\(HumanText.grouped(waiting)) 条记录先留在内存中，等有空间再写。"))
    } else if nextWarning != nil, !isToMove {
      nextWarning = nil
      logger.info(
        Phrase(
          en: "\(metrics.file.path): there is room again, and all records are written",
          zh: "\(metrics.file.path)：又有空间了，所有记录都已写入"))
    }
  }

  /// Says something at once and, while it stays so, once a minute.
  private func warn(_ words: Phrase) {
    if let nextWarning, .now < nextWarning { return }
    nextWarning = .now + .seconds(60)
    logger.warning(words)
  }
}
