import Checkpoints
import Files
import Foundation
import MiniMind
import OrderedCollections
import Torch

/// A checkpoint: a model folder that `transformers` loads, or an adapter's that PEFT loads, the optimizer's moments under the parameters' names, and
/// where the run stands. It holds nothing of how many processes wrote it.
public enum RunCheckpoint {
  /// Where a run stands after a step.
  struct State: Codable {
    var step: Int
    var skippedSteps: Int
    var skippedInARow: Int
    var optimizerSteps: Int
    /// The most tokens of a micro-batch, given or found; the sums of other micro-batches would differ in their last bits.
    var microBatchTokens: Int?
    /// Where gradients are in float16.
    var lossScale: Scale?
    /// What has been gathered since the last record.
    var interval: IntervalReport
    /// What must be the same in a run that continues.
    var identity: [String: String]

    /// What cannot be, in words; nil for a state that a run of these steps may have.
    func problem(of trainer: Trainer) -> String? {
      let total = trainer.plan.totalSteps
      let sums = interval.metrics
      let numbers: [(name: String, value: Int, limit: Int)] = [
        ("step", step, total), ("skippedSteps", skippedSteps, step), ("skippedInARow", skippedInARow, skippedSteps),
        ("optimizerSteps", optimizerSteps, step), ("interval.steps", interval.steps, step),
        ("interval.step", interval.step, step),
      ]
      for (name, value, limit) in numbers where !(0...limit).contains(value) {
        return "\(name) is \(value); expected 0 to \(limit)"
      }
      if let microBatchTokens, microBatchTokens < 1 {
        return "microBatchTokens is \(microBatchTokens); expected 1 or more"
      }
      if let lossScale, !(lossScale.factor > 0 && lossScale.factor.isFinite && lossScale.steps >= 0) {
        return "lossScale is \(lossScale.factor) after \(lossScale.steps) steps; expected a positive number"
      }
      // Whole numbers are made of these.
      for (name, value) in [("pairs", sums.pairs), ("tokens", sums.tokens), ("sideTokens", sums.sideTokens)]
      where !(0...1e15).contains(value) {
        return "interval.metrics.\(name) is \(value); expected a count"
      }
      return nil
    }

    /// What `LossScale` knows.
    struct Scale: Codable {
      var factor: Double
      var steps: Int
    }
  }

  private static let optimizerFile = "optimizer.safetensors"
  private static let referenceFile = "reference.safetensors"
  private static let referenceWeightsFile = "reference_model.safetensors"
  private static let stateFile = "trainer_state.json"

  /// Writes a checkpoint that is there complete or not at all. All ranks call this; the first writes, or one on each host.
  ///
  /// - Throws: `FileError` when it cannot be written, `TorchError`.
  public static func write(
    _ trainer: Trainer, interval: IntervalReport, tokenizer: URL?, identity: [String: String],
    notes: [String: Data] = [:], to folder: URL
  ) throws {
    try contents(of: trainer, interval: interval, tokenizer: tokenizer, identity: identity, notes: notes)?
      .write(to: folder)
  }

  /// What a checkpoint of the last step holds. All ranks call this; those that write checkpoints get it.
  ///
  /// - Parameters:
  ///   - interval: what has been gathered since the last record
  ///   - tokenizer: the folder whose tokenizer files go with the model
  ///   - identity: what must be the same in a run that continues, by option
  ///   - notes: further files by name, for whoever resumes the run
  /// - Returns: nil on ranks that do not write
  /// - Throws: `TorchError`.
  public static func contents(
    of trainer: Trainer, interval: IntervalReport, tokenizer: URL?, identity: [String: String],
    notes: [String: Data] = [:]
  ) throws -> CheckpointContents? {
    let moments = try trainer.gatherMoments()
    guard let moments else { return nil }
    let scale = try trainer.gradients.lossScale?.state()
    let state = State(
      step: trainer.completedSteps, skippedSteps: trainer.skippedSteps, skippedInARow: trainer.skippedInARow,
      optimizerSteps: try trainer.update.stepCount(), microBatchTokens: trainer.options.microBatchTokens,
      lossScale: scale.map { State.Scale(factor: $0.factor, steps: $0.steps) }, interval: interval,
      identity: try trainer.identity(identity))
    var drafts = try trainer.policy.trainedDrafts(tokenizer: tokenizer)
    drafts.append(FileDraft(optimizerFile, safetensors: moments))
    if let results = trainer.reference?.results {
      drafts.append(FileDraft(referenceFile, safetensors: try results.tensors()))
    }
    if trainer.options.referenceSync != nil, let reference = trainer.reference {
      drafts.append(FileDraft(referenceWeightsFile, safetensors: reference.weights()))
    }
    for (name, bytes) in notes { drafts.append(FileDraft(name, bytes: bytes)) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // The sums of an interval with a skipped step are often NaN.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    drafts.append(FileDraft(stateFile, bytes: try encoder.encode(state)))
    return CheckpointContents(step: trainer.completedSteps, drafts: drafts)
  }

  /// The newest checkpoint of a run that is whole; nil where none was ever written.
  ///
  /// - Parameter report: told what is wrong with each damaged one that is passed over
  /// - Throws: `TrainingError.noCheckpoint` when there are some and all are damaged.
  public static func newest(in run: RunFolder, report: (String) -> Void) throws -> URL? {
    var problems: [String] = []
    for (_, folder) in run.checkpoints {
      do {
        try verify(folder)
        return folder
      } catch {
        problems.append("\(error)")
        report("\(error)")
      }
    }
    if problems.isEmpty { return nil }
    throw TrainingError.noCheckpoint(folder: run.location.path, problems: problems)
  }

  /// Compares a checkpoint with its manifest, which must name all that a checkpoint holds.
  private static func verify(_ folder: URL) throws {
    let manifest = try AtomicDirectory.verify(folder)
    let weights = [SafetensorsFolder.fileName] + AdapterFiles.names
    var missing = [optimizerFile, stateFile].filter { manifest.files[$0] == nil }
    if !weights.contains(where: { manifest.files[$0] != nil }) { missing.append(SafetensorsFolder.fileName) }
    guard missing.isEmpty else {
      throw FileError(
        .damaged, file: folder.path,
        "is no whole checkpoint: its manifest does not name \(missing.joined(separator: ", "))",
        remedy: "use another checkpoint")
    }
  }

  /// Gives a model the weights of a checkpoint.
  ///
  /// - Throws: `FileError` when the checkpoint is not whole, `TorchError`.
  public static func loadWeights(into policy: CausalLM, from folder: URL) throws {
    try verify(folder)
    try policy.loadTrained(from: folder)
    try policy.updateCopies()
  }

  /// Puts a trainer where a checkpoint stands. All ranks call this; one reads and tells the others.
  ///
  /// - Parameters:
  ///   - folder: nil on all ranks but the reader
  ///   - reader: the rank that has the checkpoint
  /// - Returns: what had been gathered since the last record
  /// - Throws: `TrainingError.otherRun` when the checkpoint's run had other settings, `FileError`, `TorchError`.
  public static func restore(
    _ trainer: Trainer, from folder: URL?, reader: Int = 0, identity: [String: String]
  ) throws -> IntervalReport {
    var told: [UInt8] = []
    if let folder {
      try verify(folder)
      told = try Array(readState(of: trainer, from: folder, identity: identity))
      try trainer.policy.loadTrained(from: folder)
    }
    let state = try decoder.decode(State.self, from: Data(trainer.ranks.broadcast(told, from: reader)))
    try trainer.ranks?.gradients.broadcast(trainer.policy.trainedWeights.storage, from: reader)
    try trainer.restoreMoments(
      folder.map { try SafetensorsFile(contentsOf: $0.appendingPathComponent(optimizerFile)) }, reader: reader)
    try restoreReference(of: trainer, from: folder, reader: reader)
    try trainer.resume(
      after: state.step, optimizerSteps: state.optimizerSteps, skippedSteps: state.skippedSteps,
      skippedInARow: state.skippedInARow)
    if let scale = state.lossScale { try trainer.gradients.lossScale?.resume(factor: scale.factor, steps: scale.steps) }
    if trainer.options.microBatchTokens == nil, let tokens = state.microBatchTokens {
      try trainer.limitMicroBatches(toTokens: tokens)
    }
    return state.interval
  }

  /// What a checkpoint keeps for whoever resumes the run, by name. All ranks call this; one reads and tells the others.
  ///
  /// - Parameter folder: nil on all ranks but the reader
  public static func notes(
    _ names: [String], in folder: URL?, reader: Int, ranks: Ranks?
  ) throws(TorchError) -> [String: Data] {
    var notes: [String: Data] = [:]
    for name in names {
      let own = folder.flatMap { try? Data(contentsOf: $0.appendingPathComponent(name)) }
      let told = try ranks.broadcast(Array(own ?? Data()), from: reader)
      if !told.isEmpty { notes[name] = Data(told) }
    }
    return notes
  }

  /// The step of a checkpoint.
  ///
  /// - Throws: `FileError` where it does not say.
  public static func step(of folder: URL) throws -> Int {
    let file = folder.appendingPathComponent(stateFile)
    do {
      return try decoder.decode(State.self, from: Data(contentsOf: file)).step
    } catch {
      throw FileError(
        .damaged, file: file.path, "is not the state of a run: \(error.localizedDescription)",
        remedy: "name another checkpoint with --resume-from-checkpoint")
    }
  }

  private static func restoreReference(of trainer: Trainer, from folder: URL?, reader: Int) throws {
    guard let reference = trainer.reference else { return }
    func file(_ name: String) throws -> SafetensorsFile? {
      guard let path = folder?.appendingPathComponent(name) else { return nil }
      return FileManager.default.fileExists(atPath: path.path) ? try SafetensorsFile(contentsOf: path) : nil
    }
    try reference.results?.restore(file(referenceFile), reader: reader, ranks: trainer.ranks)
    if trainer.options.referenceSync != nil {
      try reference.restoreWeights(file(referenceWeightsFile), reader: reader, ranks: trainer.ranks)
    }
  }

  /// The bytes of a checkpoint's state, which belongs to the trainer's run.
  private static func readState(
    of trainer: Trainer, from folder: URL, identity: [String: String]
  ) throws -> Data {
    let file = folder.appendingPathComponent(stateFile)
    let bytes: Data
    let state: State
    do {
      bytes = try Data(contentsOf: file)
      state = try decoder.decode(State.self, from: bytes)
    } catch {
      throw FileError(
        .damaged, file: file.path, "is not the state of a run: \(error.localizedDescription)",
        remedy: "name another checkpoint with --resume-from-checkpoint")
    }
    let identity = try trainer.identity(identity)
    let differences = TrainingError.differences(state.identity, identity)
    guard differences.isEmpty else { throw TrainingError.otherRun(checkpoint: folder.path, differences: differences) }
    if let problem = state.problem(of: trainer) {
      throw FileError(
        .damaged, file: file.path, "is not the state of this run: \(problem)",
        remedy: "name another checkpoint with --resume-from-checkpoint")
    }
    return bytes
  }

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return decoder
  }
}

extension Trainer {
  /// What the caller knows to matter, and the reference, which is not in the checkpoint.
  fileprivate func identity(_ known: [String: String]) throws(TorchError) -> [String: String] {
    guard let reference else { return known }
    return try known.merging(["reference model": String(reference.contentHash().prefix(16))]) { known, _ in known }
  }

  /// The optimizer's moments as `first.<parameter>` and `second.<parameter>`; nil on ranks that write no checkpoint.
  fileprivate func gatherMoments() throws(TorchError) -> OrderedDictionary<String, Tensor>? {
    var (first, second): (FlatBuffer?, FlatBuffer?)
    for writer in ranks.writers {
      let (one, other) = (try update.gather(.first, to: writer), try update.gather(.second, to: writer))
      if writer == ranks.rank { (first, second) = (one, other) }
    }
    guard let first, let second else { return nil }
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (index, (name, _)) in policy.trainedParameters.enumerated() {
      tensors["first.\(name)"] = first.views[index]
      tensors["second.\(name)"] = second.views[index]
    }
    return tensors
  }

  fileprivate func restoreMoments(_ file: SafetensorsFile?, reader: Int) throws {
    for moment in WeightUpdate.Moment.allCases {
      let whole = try file.map { file in
        let whole = try FlatBuffer(like: policy.trainedParameters)
        for (view, (name, _)) in zip(whole.views, policy.trainedParameters) {
          try view.copyInPlace(file.tensor("\(moment.rawValue).\(name)"))
        }
        return whole
      }
      try update.scatter(moment, from: whole, of: reader)
    }
  }
}
