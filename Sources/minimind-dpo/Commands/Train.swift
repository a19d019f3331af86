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
struct Train: ParsableCommand {
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
    if let problem = evaluation.problem(
      beside: output, hasHeldOutPairs: main.data.evalSplit != nil || !main.data.evalData.isEmpty)
    {
      throw ValidationError(problem)
    }
  }

  func run() throws {
    Output.holds(.remarks)
    let placement = try place()
    try TrainingRun(request(onGPU: placement.device != .cpu), placement: placement).run()
  }

  /// Takes the device and the threads that the options name.
  func place() throws -> Placement {
    try device.place(
      sharing: distribution.backend == .gloo, preferring: miniMind.dtype.flatMap { DType(rawValue: $0.rawValue) })
  }

  /// What the options ask for.
  func request(onGPU: Bool) throws -> TrainingRequest {
    var training = optimization.options()
    training.loss = objective.loss
    training.cachesReference =
      training.loss.needsReference && reference.keepsResults(epochs: optimization.numTrainEpochs)
    training.referenceSync = reference.sync
    training.recordsPasses = !device.noCudaGraphs
    training.loggingSteps = output.loggingSteps
    training.recordsFirstStep = output.loggingFirstStep
    training.startsAtReference = main.refModel == nil
    if device.tf32 { training.referenceVariant = "TF32" }
    return TrainingRequest(
      source: main.model.source(shape), reference: main.refModel, trainingPairs: main.data.trainData,
      mixStrategy: main.data.mixStrategy, evaluationPairs: try main.data.evaluationFiles, heldOut: main.data.evalSplit,
      pairs: pairs.options(seed: optimization.seed), tokenCache: pairs.cache,
      referenceCache: reference.kept.cache, training: training,
      recomputesLayers: optimization.batch.gradientCheckpointing, zeroStage: optimization.zeroStage,
      distribution: distribution.value,
      output: .init(
        folder: main.outputDir, replacesRun: output.overwriteOutputDir, checkpoint: output.resumeFromCheckpoint,
        rescueFolder: output.rescueDir,
        evaluations: output.evaluations, evaluationBatchSize: output.perDeviceEvalBatchSize, saves: output.saves,
        checkpointLimit: output.saveTotalLimit, dtype: output.saveDtype),
      evaluation: evaluation.request, miniMind: miniMind.request(onGPU: onGPU), settings: settings)
  }
}

extension EvaluationArguments {
  /// What is measured beside held-out pairs, and what follows from it.
  fileprivate var request: TrainingRequest.Evaluation {
    .init(
      criterion: choosesByMetric
        ? BestModel.Criterion(
          metric: metricForBestModel ?? "loss", greaterIsBetter: greaterIsBetter?.value,
          patience: earlyStoppingPatience,
          threshold: earlyStoppingThreshold) : nil,
      loadsBest: loadBestModelAtEnd, guardData: guardData, forgettingLimit: stopOnForgetting?.value,
      samplePrompts: samplePrompts, sampleMaxNewTokens: sampleMaxNewTokens, stopsOnDegeneration: stopOnDegeneration)
  }
}

extension MiniMindArguments {
  /// What a run does for MiniMind; nil where it is not MiniMind's.
  fileprivate func request(onGPU: Bool) -> TrainingRequest.MiniMind? {
    guard let saveDir, let saveWeight else { return nil }
    return .init(folder: saveDir, name: saveWeight, asksToResume: fromResume == 1, remarks: remarks(onGPU: onGPU))
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
