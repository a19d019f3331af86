import Foundation

/// Why a run cannot go on.
public enum TrainingError: Error, CustomStringConvertible {
  /// The first loss is not what it must be while policy and reference are the same model.
  case wrongStart(loss: Double, expected: Double)
  /// Loss or gradient was not a finite number for several steps in a row.
  case notFinite(NotFiniteStep, inARow: Int, files: [String])
  /// There is no memory for a single pair; of another rank where this one had it.
  case outOfMemory(rank: Int?, MemoryNeed, reason: String?)
  /// A checkpoint belongs to a run with other settings or data.
  case otherRun(checkpoint: String, differences: [String])
  /// There is no checkpoint to resume from. The problems are those of damaged ones.
  case noCheckpoint(folder: String, problems: [String])
  /// The output folder holds a run already, with or without a checkpoint to resume from.
  case folderInUse(String, canResume: Bool)
  /// Another process runs in the output folder.
  case folderLocked(String, holder: String)
  /// The output folder holds files that no run wrote and that the run would replace.
  case folderHoldsOthers(String, files: [String])
  /// The output folder cannot be made or written.
  case cannotWrite(String, reason: String)
  /// The tokenizer makes ids that the model has no row for.
  case vocabularyTooSmall(largestID: Int, vocabulary: Int)

  /// What a single pair needs that there was no memory for.
  public struct MemoryNeed: Sendable {
    /// Its input tokens.
    public let tokens: Int
    /// What the run needs with it.
    public let estimate: MemoryEstimate
    /// What its activations take with gradient checkpointing, in bytes; nil where that is on.
    public let recomputed: Int?
  }

  /// What happened, what was expected, and what to do.
  public var description: String {
    switch self {
    case .wrongStart(let loss, let expected):
      """
      step 1: the loss is \(loss), but while policy and reference are the same model it must be \(expected). \
      This is a defect of the program or of the weights (NaN?), not of the data; please report it.
      """
    case .notFinite(let last, let count, let files):
      """
      step \(last.step): the gradient was not a finite number for \(count) \(count == 1 ? "step" : "steps in a row") \
      (--max-skipped-steps). In the last one \(last.description(files: files)). \(last.remedy)
      """
    case .outOfMemory(let rank, let need, let reason):
      """
      out of memory\(rank.map { " on rank \($0)" } ?? ""): not even one pair, of \(need.tokens) tokens, fits. The run needs \
      \(Self.megabytes(need.estimate.peak)), beside the program:
      \(need.estimate.parts.map { "  \(Self.megabytes($0.bytes)) \($0.name): \($0.detail)" }.joined(separator: "\n"))
      \(need.recomputed.map { "--gradient-checkpointing makes the activations \(Self.megabytes($0)); " } ?? "")\
      a shorter --max-length needs less of them in proportion.\(reason.map { " (\($0))" } ?? "")
      """
    case .otherRun(let checkpoint, let differences):
      """
      \(checkpoint) belongs to a run with other settings; continuing it would not give what either run gives:
      \(differences.map { "  " + $0 }.joined(separator: "\n"))
      Use the same settings, or start again with another --output-dir.
      """
    case .noCheckpoint(let folder, let problems):
      (["\(folder) holds no checkpoint that can be resumed from."] + problems.map { "  " + $0 }
        + [
          "Start from the beginning with --overwrite-output-dir instead of --resume-from-checkpoint, or name another folder."
        ]).joined(separator: "\n")
    case .folderInUse(let folder, let canResume):
      """
      --output-dir \(folder) already holds a run. \(canResume ? "Continue it with --resume-from-checkpoint auto, replace" : "Replace") it \
      with --overwrite-output-dir, or name another folder.
      """
    case .folderLocked(let folder, let holder):
      """
      --output-dir \(folder) is in use: \(holder), runs in it. Wait for its end, stop it, or name another folder.
      """
    case .folderHoldsOthers(let folder, let files):
      """
      --output-dir \(folder) holds \(files.joined(separator: ", ")), which no run of this program wrote and this one would \
      replace. Name another folder.
      """
    case .cannotWrite(let path, let reason):
      "cannot write \(path): \(reason). Name a folder that can be written with --output-dir."
    case .vocabularyTooSmall(let largest, let vocabulary):
      """
      the tokenizer makes the id \(largest), but the model's vocabulary has \(vocabulary) entries: they do not belong \
      together. Name the model's own tokenizer with --tokenizer.
      """
    }
  }

  /// What two runs do not have in common, setting by setting.
  public static func differences(_ before: [String: String], _ now: [String: String]) -> [String] {
    Set(before.keys).union(now.keys).sorted().compactMap { name in
      before[name] == now[name] ? nil : "\(name): \(before[name] ?? "not set") there, \(now[name] ?? "not set") now"
    }
  }

  private static func megabytes(_ bytes: Int) -> String { "\((bytes + 500_000) / 1_000_000) MB" }
}
