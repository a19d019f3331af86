import ArgumentParser
import Checkpoints
import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Tokenization
import Torch
import Training

/// `train`: DPO.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a model on preference pairs by Direct Preference Optimization.",
    discussion: """
      Leaves in --output-dir the trained model, which transformers loads as it is, checkpoints, metrics.jsonl, \
      TensorBoard events and report.html. Options may be kept in a file, --config run.yaml, a line `option: value` each; the \
      command line wins. Ctrl-C or SIGTERM ends the run behind a checkpoint (exit code 75).

      In a MiniMind checkout, or its folder trainer/, the options of MiniMind's train_dpo.py do what they do there, with its \
      defaults and its files: that is so where --from_weight, --save_dir or --save_weight is given, or neither --model nor \
      --output-dir.
      """)

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(help: ArgumentHelp("The reference model; without, the model as it is before training.", valueName: "path"))
  var refModel: String?

  @Option(
    name: [.long, .customLong("data-path")],
    help: ArgumentHelp("Preference pairs: JSONL, a JSON array, or either with .gz.", valueName: "file"))
  var trainData: String
  @Option(help: ArgumentHelp("Held-out pairs, measured before, after and every --eval-steps.", valueName: "file"))
  var evalData: String?
  @OptionGroup(title: "Pairs") var pairs: PairArguments

  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup(title: "Output") var output: OutputArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments
  @OptionGroup(title: "As MiniMind's train_dpo.py has them") var miniMind: MiniMindArguments

  mutating func run() throws {
    let placement = try device.place(
      sharing: distribution.backend == .gloo, preferring: miniMind.dtype.flatMap { DType(rawValue: $0.rawValue) })
    try TrainingRun(self, placement: placement).run()
  }
}

/// What a run leaves, and how often.
struct OutputArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Folder for all that the run leaves.", valueName: "folder"))
  var outputDir: String

  @Flag(help: "Replace a run that the folder holds already.")
  var overwriteOutputDir = false

  @Option(
    help: ArgumentHelp(
      "Continue a run: auto for its newest whole checkpoint, or a checkpoint's folder.", valueName: "auto|folder"))
  var resumeFromCheckpoint: String?

  @Option(
    name: [.long, .customLong("log-interval")], help: ArgumentHelp("Steps between two records.", valueName: "steps"))
  var loggingSteps = 10

  @Option(help: ArgumentHelp("Steps between two evaluations; without, one before and one after.", valueName: "steps"))
  var evalSteps: Int?

  @Option(
    name: [.long, .customLong("save-interval")],
    help: ArgumentHelp(
      "Steps between two checkpoints; without, none but at the end of an interrupted run.", valueName: "steps"))
  var saveSteps: Int?

  @Option(help: ArgumentHelp("Checkpoints to keep; older ones are removed.", valueName: "count"))
  var saveTotalLimit: Int?

  @Option(
    help: "Type of the weights in the saved model; bfloat16 and float16 lose part of what small learning rates teach.")
  var saveDtype = DType.float32

  func validate() throws {
    for (name, value) in [
      ("logging-steps", loggingSteps), ("eval-steps", evalSteps), ("save-steps", saveSteps),
      ("save-total-limit", saveTotalLimit),
    ] {
      if let value, value < 1 { throw ValidationError("--\(name) must be at least 1.") }
    }
    if overwriteOutputDir, resumeFromCheckpoint != nil {
      throw ValidationError("--overwrite-output-dir and --resume-from-checkpoint contradict each other.")
    }
  }
}
