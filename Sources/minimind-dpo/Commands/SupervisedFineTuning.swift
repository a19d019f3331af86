import ArgumentParser
import DPO
import Preferences
import Training

/// `sft`: supervised fine-tuning.
struct SupervisedFineTuning: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "sft",
    abstract:
      "Trains a model on texts: conversations, prompts with completions, or the chosen sides of preference pairs.",
    discussion: """
      Supervised fine-tuning, the step before a preference run: the model learns the assistant's words. It reads MiniMind's \
      conversations, OpenAI's messages, TRL's prompt and completion, Alpaca's instruction and output, and plain text; texts are \
      packed without padding, and none sees another. Everything else is as in train. Example:
        minimind-dpo sft --model out/pretrain_768.pth --train-data sft.jsonl --eval-split 0.02 --output-dir tuned
        minimind-dpo sft --model tuned --train-data dpo.jsonl --from-preferences --output-dir warm

      In a MiniMind checkout, or its folder trainer/, the options of MiniMind's train_full_sft.py do what they do there, with its \
      defaults and its files: that is so where --from_weight, --save_dir or --save_weight is given, or neither --model nor \
      --output-dir.
      """)

  static let usualLearningRate = 2e-5

  @OptionGroup(title: "Main options") var main: TextArguments
  @OptionGroup(title: "Adapter (LoRA)") var adapter: AdapterArguments
  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup(title: "Texts") var pairs: PairArguments
  @OptionGroup(title: "Output") var output: OutputArguments
  @OptionGroup(title: "Evaluation") var evaluation: EvaluationArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments
  @OptionGroup(title: "Options of MiniMind's train_full_sft.py") var miniMind: MiniMindArguments

  var model: ModelArguments { main.model }
  var data: DataFileArguments { main.data }
  var outputDir: String { main.outputDir }
  var ownSettings: [RunConfiguration.Setting] { [("from-preferences", main.fromPreferences ? true : nil)] }

  func validate() throws {
    try validateCommonOptions()
    if evaluation.stopOnKL != nil {
      throw ValidationError("--stop-on-kl: fine-tuning compares with no reference; leave it out.")
    }
    if pairs.minMargin != nil, !main.fromPreferences {
      throw ValidationError("--min-margin is about the scores of preference pairs; it needs --from-preferences.")
    }
  }

  func run() throws {
    Output.holds(.remarks)
    let placement = try place()
    try TrainingRun(request(onGPU: placement.device != .cpu), placement: placement).run()
  }

  private func request(onGPU: Bool) throws -> TrainingRequest {
    var training = self.training
    training.loss = .supervised
    var request = try request(for: training, onGPU: onGPU)
    request.pairs.examples = main.fromPreferences ? .chosenTexts : .texts
    return request
  }
}

/// What supervised fine-tuning reads, where its result goes, and with how many processes it works.
struct TextArguments: ParsableArguments {
  @OptionGroup var model: ModelArguments

  @OptionGroup var data: DataFileArguments

  @Flag(help: "The data are preference pairs; learn from their chosen sides.")
  var fromPreferences = false

  @Option(help: ArgumentHelp("Folder for everything the run writes.", valueName: "folder"))
  var outputDir: String

  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments
}
