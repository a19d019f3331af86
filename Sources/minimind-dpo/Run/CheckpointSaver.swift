import Files
import Foundation
import Logging
import MiniMind
import Observability
import Torch
import Training

/// Saves the checkpoints of a run. Training stands still while what is to be saved is copied; the copy is written while it
/// goes on, one checkpoint at a time.
final class CheckpointSaver {
  /// Checkpoints that were saved.
  private(set) var saved = 0
  /// Told how many seconds each took from its beginning until it was on the disk.
  var didWrite: @Sendable (Double) -> Void = { _ in }
  /// Where they go; nil on ranks that write none.
  private let folder: RunFolder?
  /// How many are kept; nil for all.
  private let limit: Int?
  /// Whether they are written while training goes on.
  private let isAsynchronous: Bool
  private let logger = Logger(label: "train")
  /// The step after which a checkpoint is being written, and the work.
  private var inFlight: (step: Int, work: BackgroundWork<Result<Bool, any Error>>)?
  private var hasToldOfMemory = false

  init(_ output: TrainingRequest.Output, in folder: RunFolder?) {
    (self.folder, limit, isAsynchronous) = (folder, output.checkpointLimit, output.savesAsynchronously)
  }

  /// Waits until the checkpoint is written that is on its way, if one is.
  ///
  /// - Returns: its step, where it is there now
  /// - Throws: what writing it threw, other than that the disk does not take it
  func finish() throws -> Int? {
    guard let (step, work) = inFlight else { return nil }
    inFlight = nil
    guard try work.wait().get() else { return nil }
    saved += 1
    return step
  }

  /// Saves a checkpoint, after `finish()`; called by all ranks. A full disk does not end a run: there may be room at the next
  /// one.
  ///
  /// - Parameters:
  ///   - best: the step of the checkpoint that is never removed
  ///   - isLast: whether the run ends here: nothing is gained by a copy
  ///   - contents: what it holds; nil on ranks that write none
  ///   - weights: files that are written with it, given whether they are to be copies
  /// - Returns: the step, where the checkpoint is there already
  func save(
    best: Int?, isLast: Bool, _ contents: () throws -> CheckpointContents?,
    with weights: (_ copies: Bool) throws -> [WeightFileDraft]
  ) throws -> Int? {
    let started = ContinuousClock.now
    guard let contents = try contents(), let folder else { return nil }
    let step = contents.step
    let place = folder.checkpoint(step: step)
    let keep: @Sendable () -> Void = { [limit] in
      if let limit { folder.removeOldCheckpoints(keeping: limit, best: best) }
    }
    if isAsynchronous, !isLast, let copy = try copy(of: contents) {
      let weights = try weights(true)
      let work = BackgroundWork(named: "checkpoint") { [didWrite] in
        defer { didWrite((ContinuousClock.now - started) / .seconds(1)) }
        return Result {
          try Self.write(step, to: place, of: folder, isLast: false, keep, weights) { try copy.write(to: place) }
        }
      }
      inFlight = (step, work)
      return nil
    }
    defer { didWrite((ContinuousClock.now - started) / .seconds(1)) }
    guard
      try Self.write(
        step, to: place, of: folder, isLast: isLast, keep, weights(false), { try contents.write(to: place) })
    else { return nil }
    saved += 1
    return step
  }

  /// A copy of what is to be saved; nil where there is no memory for it.
  private func copy(of contents: CheckpointContents) throws -> CheckpointCopy? {
    let needed = contents.byteCount + contents.byteCount / 10
    let available = ProcessMemory.availableBytes()
    if available.map({ $0 >= needed }) ?? true, let copy = try contents.copy() { return copy }
    if !hasToldOfMemory {
      hasToldOfMemory = true
      let left = available.map(HumanText.bytes)
      let size = HumanText.bytes(contents.byteCount)
      logger.warning(
        Phrase(
          en:
            "there is no memory for a copy of the checkpoint (\(size)\(left.map { ", and \($0) are left" } ?? "")): training "
            + "waits while it is written",
          zh: "内存不足以复制检查点（\(size)\(left.map { "，只剩 \($0)" } ?? "")）：写入期间训练会等待"))
    }
    return nil
  }

  /// Writes a checkpoint and what goes with it.
  ///
  /// - Returns: whether the checkpoint is there
  private static func write(
    _ step: Int, to place: URL, of folder: RunFolder, isLast: Bool, _ keep: () -> Void, _ weights: [WeightFileDraft],
    _ checkpoint: () throws -> Void
  ) throws -> Bool {
    let logger = Logger(label: "train")
    let after = isLast ? Phrase("") : Phrase(en: " Training goes on.", zh: "训练继续。")
    var isThere = false
    do {
      try checkpoint()
      logger.info(TrainingWords.saved(place.path))
      isThere = true
      keep()
    } catch  where !(error is TorchError) {
      // Whatever the file system does not take, be it that the folder is gone meanwhile.
      let older =
        folder.checkpoints.first.map {
          Phrase(en: "The newest one is \($0.folder.path), as it was.", zh: "最新的是 \($0.folder.path)，没有变化。")
        } ?? Phrase(en: "There is no older one.", zh: "之前也没有。")
      logger.warning(
        Phrase(en: "no checkpoint at step \(step): \(error). ", zh: "第 \(step) 步没有保存检查点：\(error)。") + older + after)
    }
    for draft in weights {
      do {
        try makeFolder(draft.file.deletingLastPathComponent())
        try draft.write()
        logger.info(TrainingWords.saved(draft.file.relativePath))
      } catch let error as FileError where error.isWriteFailure {
        let path = draft.file.relativePath
        logger.warning(
          Phrase(en: "\(path) is as it was before: \(error).", zh: "\(path) 仍是之前的内容：\(error)。") + after)
      }
    }
    return isThere
  }
}
