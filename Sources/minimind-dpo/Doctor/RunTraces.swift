import Foundation
import Observability
import OrderedJSON

/// What is known of a run from its folder, whoever started it and whether or not it still goes on.
package struct RunTraces: Hashable, Sendable {
  /// Who works in the folder.
  package struct Holder: Hashable, Sendable {
    /// In words: process, host, since when.
    package var words: Phrase
    /// The process's state by the letter of `/proc/<process>/stat`, as `T` for one that was stopped; nil where it is on another
    /// machine.
    package var state: String?
    /// How much of a core it used while it was looked at; nil where that is not known.
    package var activity: Double?

    package init(_ words: Phrase, state: String? = nil, activity: Double? = nil) {
      (self.words, self.state, self.activity) = (words, state, activity)
    }
  }

  /// A checkpoint.
  package struct Checkpoint: Hashable, Sendable {
    package var step: Int
    /// Why it is not whole; nil where it is.
    package var problem: String?

    package init(_ step: Int, problem: String? = nil) { (self.step, self.problem) = (step, problem) }
  }

  /// The folder as it was named.
  package var path = ""
  package var log = MetricsLog(records: [])
  package var environment: JSON?
  /// nil where nobody works in the folder any more.
  package var holder: Holder?
  /// Seconds since anything was written to the folder.
  package var silence = 0.0
  /// Checkpoints, the newest first.
  package var checkpoints: [Checkpoint] = []
  /// Whether a model or an adapter was written as the result.
  package var hasResult = false

  package init() {}

  /// Optimizer steps of the whole run; nil where it does not say.
  package var totalSteps: Int? { environment?["identity"]?["steps"]?.string.flatMap { Int($0) } }
  /// The last step that is recorded.
  package var lastStep: Int { max(log.records.map(\.step).max() ?? 0, log.totals?.steps ?? 0) }

  /// Why the run was slow.
  package var losses: TimeLosses { TimeLosses(RunTimes(log), at: RunMachine(environment)) }

  /// The command's words that let the run go on.
  var resuming: Phrase {
    guard let whole = checkpoints.first(where: { $0.problem == nil }) else {
      return Phrase(
        en:
          "nothing was saved, so the same command with --resume-from-checkpoint auto, or --overwrite-output-dir, begins "
          + "again; --save-steps keeps more next time",
        zh: "没有保存过检查点，所以用同样的命令加上 --resume-from-checkpoint auto 或 --overwrite-output-dir 会重新开始；下次用 "
          + "--save-steps 多保存")
    }
    return Phrase(
      en: "the same command with --resume-from-checkpoint auto goes on from checkpoint-\(whole.step)",
      zh: "用同样的命令加上 --resume-from-checkpoint auto，从 checkpoint-\(whole.step) 继续")
  }
}
