import ArgumentParser
import Foundation
import Logging
import MiniMind
import Observability
import Preferences
import Tokenization
import Torch
import Training

/// `train`: DPO.
struct Train: TrainingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a model on preference pairs by Direct Preference Optimization.",
    discussion: """
      Leaves in --output-dir the trained model, which transformers loads as it is, checkpoints, metrics.jsonl, \
      TensorBoard events and report.html. Options may be kept in a file, --config run.yaml, a line `option: value` each; the \
      command line wins. Ctrl-C or SIGTERM ends the run after a checkpoint (exit code 75).

      In a MiniMind checkout, or its folder trainer/, the options of MiniMind's train_dpo.py do what they do there, with its \
      defaults and its files: that is so where --from_weight, --save_dir or --save_weight is given, or neither --model nor \
      --output-dir.
      """)

  @OptionGroup(title: "Main options") var main: MainArguments
  @OptionGroup(title: "Loss") var objective: ObjectiveArguments
  @OptionGroup(title: "Reference") var reference: ReferenceArguments
  @OptionGroup(title: "Adapter (LoRA)") var adapter: AdapterArguments
  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @OptionGroup(title: "Output") var output: OutputArguments
  @OptionGroup(title: "Evaluation") var evaluation: EvaluationArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments
  @OptionGroup(title: "Options of MiniMind's train_dpo.py") var miniMind: MiniMindArguments

  func validate() throws {
    let isReferenceUsed = objective.loss.needsReference
    if reference.syncRefModel, !isReferenceUsed {
      throw ValidationError("--sync-ref-model: no loss of --loss-type compares with a reference.")
    }
    if main.refModel != nil, !isReferenceUsed {
      throw ValidationError("--ref-model: no loss of --loss-type compares with a reference; leave it out.")
    }
    if evaluation.stopOnKL != nil, !isReferenceUsed {
      throw ValidationError("--stop-on-kl: no loss of --loss-type compares with a reference; leave it out.")
    }
    if reference.syncRefModel, adapter.configuration != nil || main.model.adapter != nil {
      throw ValidationError(
        "--sync-ref-model: the reference of an adapter is the model without it, which does not change. Leave one out.")
    }
    try validateCommonOptions()
  }

  static let usualLearningRate = 1e-6

  var model: ModelArguments { main.model }
  var data: DataFileArguments { main.data }
  var outputDir: String { main.outputDir }
  var ownSettings: [RunConfiguration.Setting] {
    [("ref-model", main.refModel)] + objective.settings + reference.settings
  }

  func run() throws {
    Output.holds(.remarks)
    let placement = try place()
    try TrainingRun(request(onGPU: placement.device != .cpu), placement: placement).run()
  }

  /// What the options ask for.
  func request(onGPU: Bool) throws -> TrainingRequest {
    var training = self.training
    training.loss = objective.loss
    training.cachesReference =
      training.loss.needsReference && reference.keepsResults(epochs: optimization.numTrainEpochs)
    training.referenceSync = reference.sync
    // The reference of a new adapter is the base in any case.
    training.startsAtReference =
      main.refModel == nil || (main.refModel == ModelSource.base && adapter.configuration != nil)
    if device.tf32 { training.referenceVariant = "TF32" }
    var request = try request(for: training, onGPU: onGPU)
    (request.reference, request.referenceCache) = (main.refModel, reference.kept.cache)
    return request
  }
}

/// What a run reads, where its result goes, and with how many processes it works.
struct MainArguments: ParsableArguments {
  @OptionGroup var model: ModelArguments

  @OptionGroup var data: DataFileArguments

  @Option(help: ArgumentHelp("Folder for everything the run writes.", valueName: "folder"))
  var outputDir: String

  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments

  @Option(
    help: ArgumentHelp("The reference model. (default: the model as it is before training)", valueName: "path"))
  var refModel: String?
}
