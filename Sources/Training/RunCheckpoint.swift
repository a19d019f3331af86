import Checkpoints
import Foundation
import MiniMind
import OrderedCollections
import Torch

/// A checkpoint: a model folder that `transformers` loads, the optimizer's moments under the parameters' names, and
/// where the run stands. It holds nothing of how many processes wrote it.
public enum RunCheckpoint {
  /// Where a run stands behind a step.
  struct State: Codable {
    var step: Int
    var skippedSteps: Int
    var skippedInARow: Int
    var optimizerSteps: Int
    /// What has been gathered since the last record.
    var interval: IntervalReport
    /// What must be the same in a run that continues.
    var identity: [String: String]
  }

  private static let optimizerFile = "optimizer.safetensors"
  private static let referenceFile = "reference.safetensors"
  private static let stateFile = "trainer_state.json"

  /// Writes a checkpoint that is there complete or not at all.
  ///
  /// - Parameters:
  ///   - interval: what has been gathered since the last record
  ///   - tokenizer: the folder whose tokenizer files go with the model
  ///   - identity: what must be the same in a run that continues, by option
  /// - Throws: `CheckpointError` when it cannot be written, `TorchError`.
  public static func write(
    _ trainer: Trainer, interval: IntervalReport, tokenizer: URL?, identity: [String: String], to folder: URL
  ) throws {
    let state = State(
      step: trainer.completedSteps, skippedSteps: trainer.skippedSteps, skippedInARow: trainer.skippedInARow,
      optimizerSteps: trainer.optimizer.stepCount, interval: interval, identity: try trainer.identity(identity))
    try AtomicDirectory.write(to: folder, replacing: true) { staging in
      try ModelFiles.writeFolder(trainer.policy, to: staging, tokenizer: tokenizer)
      try Safetensors.write(trainer.moments, to: staging.appendingPathComponent(optimizerFile))
      if trainer.options.cachesReference {
        try Safetensors.write(trainer.reference.keptResults(), to: staging.appendingPathComponent(referenceFile))
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      // The sums of an interval with a skipped step are often NaN.
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      try writeAtomically(encoder.encode(state), to: staging.appendingPathComponent(stateFile))
    }
  }

  /// The newest checkpoint of a run that is whole.
  ///
  /// - Parameter report: told of each damaged one that is passed over
  /// - Throws: `TrainingError.noCheckpoint` when there is none.
  public static func newest(in run: RunFolder, report: (String) -> Void) throws -> URL {
    var problems: [String] = []
    for (_, folder) in run.checkpoints {
      do {
        _ = try AtomicDirectory.verify(folder)
        return folder
      } catch {
        problems.append("\(error)")
        report("passing over a damaged checkpoint: \(error)")
      }
    }
    throw TrainingError.noCheckpoint(folder: run.location.path, problems: problems)
  }

  /// Puts a trainer where a checkpoint stands.
  ///
  /// - Returns: what had been gathered since the last record
  /// - Throws: `TrainingError.otherRun` when the checkpoint's run had other settings, `CheckpointError`, `TorchError`.
  public static func restore(_ trainer: Trainer, from folder: URL, identity: [String: String]) throws -> IntervalReport
  {
    _ = try AtomicDirectory.verify(folder)
    let file = folder.appendingPathComponent(stateFile)
    let state: State
    do {
      let decoder = JSONDecoder()
      decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      state = try decoder.decode(State.self, from: Data(contentsOf: file))
    } catch {
      throw CheckpointError(
        .damaged, file: file.path, "is not the state of a run: \(error.localizedDescription)",
        remedy: "name another checkpoint with --resume-from-checkpoint")
    }
    let identity = try trainer.identity(identity)
    let differences = Set(state.identity.keys).union(identity.keys).sorted().compactMap { name -> String? in
      let (before, now) = (state.identity[name], identity[name])
      return before == now ? nil : "\(name): \(before ?? "not set") there, \(now ?? "not set") now"
    }
    guard differences.isEmpty else { throw TrainingError.otherRun(checkpoint: folder.path, differences: differences) }

    try trainer.policy.load(StateDictionary(contentsOf: folder))
    try trainer.restoreMoments(SafetensorsFile(contentsOf: folder.appendingPathComponent(optimizerFile)))
    let reference = folder.appendingPathComponent(referenceFile)
    if FileManager.default.fileExists(atPath: reference.path) {
      try trainer.reference.restore(SafetensorsFile(contentsOf: reference))
    }
    trainer.proceed(
      behind: state.step, optimizerSteps: state.optimizerSteps, skippedSteps: state.skippedSteps,
      skippedInARow: state.skippedInARow)
    return state.interval
  }
}

extension Trainer {
  /// What the caller knows to matter, and the reference, which is not in the checkpoint.
  fileprivate func identity(_ known: [String: String]) throws(TorchError) -> [String: String] {
    try known.merging(["reference model": String(reference.contentHash().prefix(16))]) { known, _ in known }
  }

  /// The optimizer's moments as `first.<parameter>` and `second.<parameter>`.
  fileprivate var moments: OrderedDictionary<String, Tensor> {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (index, (name, _)) in policy.namedParameters.enumerated() {
      tensors["first.\(name)"] = optimizer.firstMoments.views[index]
      tensors["second.\(name)"] = optimizer.secondMoments.views[index]
    }
    return tensors
  }

  fileprivate func restoreMoments(_ file: SafetensorsFile) throws {
    for (name, tensor) in moments { try tensor.copyInPlace(file.tensor(name)) }
  }
}
