import ArgumentParser
import Torch

/// What a run records and saves, and how often.
struct OutputArguments: ParsableArguments {
  @Flag(
    help: """
      Say what the run will need, and end: memory by its parts, steps, and the time by a few micro-batches that are measured. \
      Writes nothing.
      """)
  var dryRun = false

  @Flag(help: "Replace what an earlier run wrote to the folder; other files in it stay.")
  var overwriteOutputDir = false

  @Option(
    help: ArgumentHelp(
      "Resume a run: auto (or true) from its newest complete checkpoint, or the folder of a checkpoint.",
      valueName: "auto|folder"))
  var resumeFromCheckpoint: String?

  @Option(
    help: ArgumentHelp(
      "Where the run goes on when its folder is removed or renamed under it, and where the result goes when it cannot be "
        + "written there. (default: the folder is made again)", valueName: "folder"))
  var rescueDir: String?

  @Option(
    help: ArgumentHelp(
      """
      End the run, with a complete checkpoint and exit code 75, before so much time is over: 5400 (seconds), 90m, 2h30m, \
      1-12:00:00. Counted from the start of the program.
      """, valueName: "time"))
  var maxTime: TimeSpan?

  @Option(
    name: [.long, .customLong("log-interval")], help: ArgumentHelp("Steps between two records.", valueName: "steps"))
  var loggingSteps = 10

  @Flag(help: "Write a record after the first step too.")
  var loggingFirstStep = false

  @Option(
    help: """
      When --eval-data is measured besides before and after training: no, steps (every --eval-steps, else every \
      --logging-steps) or epoch. (default: steps with --eval-steps, else no)
      """)
  var evalStrategy: IntervalStrategy?

  @Option(help: ArgumentHelp("Steps between two evaluations.", valueName: "steps"))
  var evalSteps: Int?

  @Option(
    help: ArgumentHelp(
      "Pairs of --eval-data that run at once on each device. (default: as many as in training)", valueName: "pairs"))
  var perDeviceEvalBatchSize: Int?

  @Option(
    help: """
      When a checkpoint is written: no, steps (every --save-steps, else every 500) or epoch. An interrupted run always \
      writes one. (default: steps with --save-steps, else no)
      """)
  var saveStrategy: IntervalStrategy?

  @Option(
    name: [.long, .customLong("save-interval")],
    help: ArgumentHelp("Steps between two checkpoints.", valueName: "steps"))
  var saveSteps: Int?

  @Flag(
    help: """
      Training waits until a checkpoint is written. By default it waits only while what is to be saved is copied, and goes on \
      while the copy is written.
      """)
  var noAsyncSave = false

  @Flag(
    help: """
      On several hosts: the first process of every host writes checkpoints and the result to the host's own disk, and a run \
      that is resumed finds them there. By default only rank 0 writes.
      """)
  var saveOnEachNode = false

  @Option(help: ArgumentHelp("Checkpoints to keep; older ones are removed.", valueName: "count"))
  var saveTotalLimit: Int?

  @Option(
    help: """
      Type of the weights in the saved model. bfloat16 and float16 cannot hold small changes: part of what a small learning \
      rate teaches is lost.
      """)
  var saveDtype = DType.float32

  @OptionGroup var tracking: TrackerArguments

  func validate() throws {
    for (name, value) in [
      ("logging-steps", loggingSteps), ("eval-steps", evalSteps), ("save-steps", saveSteps),
      ("save-total-limit", saveTotalLimit), ("per-device-eval-batch-size", perDeviceEvalBatchSize),
    ] {
      if let value, value < 1 { throw ValidationError("--\(name) must be at least 1.") }
    }
    for (name, strategy, steps) in [("eval", evalStrategy, evalSteps), ("save", saveStrategy, saveSteps)] {
      guard let strategy, strategy != .steps, steps != nil else { continue }
      throw ValidationError("--\(name)-strategy \(strategy.rawValue) and --\(name)-steps contradict each other.")
    }
    if overwriteOutputDir, resumeFromCheckpoint != nil {
      throw ValidationError("--overwrite-output-dir and --resume-from-checkpoint contradict each other.")
    }
  }

  /// When held-out pairs are measured; nil for before and after training only.
  var evaluations: Interval? { Interval(evalStrategy, steps: evalSteps, usual: loggingSteps) }

  /// When checkpoints are written; nil for none but that of an interrupted run.
  var saves: Interval? { Interval(saveStrategy, steps: saveSteps, usual: 500) }
}

/// What `--eval-strategy` and `--save-strategy` may name.
enum IntervalStrategy: String, ExpressibleByArgument, CaseIterable {
  case no, steps, epoch
}

extension Interval {
  /// What a strategy and a number of steps mean together; nil for no interval.
  fileprivate init?(_ strategy: IntervalStrategy?, steps: Int?, usual: Int) {
    switch strategy {
    case nil:
      guard let steps else { return nil }
      self = .steps(steps)
    case .no: return nil
    case .steps: self = .steps(steps ?? usual)
    case .epoch: self = .epoch
    }
  }
}
