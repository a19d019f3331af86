import ArgumentParser
import MiniMind
import Preferences
import Torch
import Training

/// A command that trains a model: what all of them have, whatever they learn from and minimise.
protocol TrainingCommand: ParsableCommand {
  /// The learning rate where none is given.
  static var usualLearningRate: Double { get }

  var model: ModelArguments { get }
  var data: DataFileArguments { get }
  var outputDir: String { get }
  var optimization: OptimizationArguments { get }
  var adapter: AdapterArguments { get }
  var pairs: PairArguments { get }
  var output: OutputArguments { get }
  var evaluation: EvaluationArguments { get }
  var device: DeviceArguments { get }
  var distribution: DistributionArguments { get }
  var shape: ShapeArguments { get }
  var miniMind: MiniMindArguments { get }
  /// The options that only this command has, with their values, for `config.yaml`.
  var ownSettings: [RunConfiguration.Setting] { get }
}

extension TrainingCommand {
  /// Takes the device and the threads that the options name.
  func place() throws -> Placement {
    try device.place(
      sharing: distribution.backend == .gloo, preferring: miniMind.dtype.flatMap { DType(rawValue: $0.rawValue) })
  }

  /// What the options say to the trainer, but for the loss.
  var training: TrainingOptions {
    var training = optimization.options(usualRate: Self.usualLearningRate)
    training.recordsPasses = !device.noCudaGraphs
    training.loggingSteps = output.loggingSteps
    training.recordsFirstStep = output.loggingFirstStep
    return training
  }

  /// What the options ask for, without a reference.
  func request(for training: TrainingOptions, onGPU: Bool) throws -> TrainingRequest {
    TrainingRequest(
      source: model.source(shape, hasExperts: miniMind.useMoe.map { $0 == 1 }), reference: nil,
      lora: adapter.configuration,
      loraDropout: model.adapter == nil ? nil : adapter.loraDropout, trainingPairs: data.trainData,
      mixStrategy: data.mixStrategy,
      evaluationPairs: try data.evaluationFiles, heldOut: data.evalSplit,
      pairs: pairs.options(seed: optimization.seed), tokenCache: pairs.cache, training: training,
      recomputesLayers: optimization.batch.gradientCheckpointing, zeroStage: optimization.zeroStage,
      distribution: distribution.value,
      output: .init(
        folder: outputDir, replacesRun: output.overwriteOutputDir, checkpoint: output.resumeFromCheckpoint,
        rescueFolder: output.rescueDir,
        evaluations: output.evaluations, evaluationBatchSize: output.perDeviceEvalBatchSize, saves: output.saves,
        timeLimit: output.maxTime, savesAsynchronously: !output.noAsyncSave, savesOnEachNode: output.saveOnEachNode,
        checkpointLimit: output.saveTotalLimit, dtype: output.saveDtype, merges: adapter.merge,
        audience: audience, writesTensorBoard: output.tracking.writesTensorBoard),
      isDryRun: output.dryRun,
      evaluation: evaluation.request, miniMind: miniMind.request(loraName: adapter.loraName, onGPU: onGPU),
      settings: settings)
  }

  /// What is wrong with the options about adapters and evaluations, where something is.
  func validateCommonOptions() throws {
    if let problem = adapter.problem(goingOnWith: model.adapter) { throw ValidationError(problem) }
    if adapter.merge, let name = adapter.loraName, name == miniMind.saveWeight {
      throw ValidationError(
        "--lora-name and --save-weight \(name): with --merge the model would replace the adapter's file. Name them differently."
      )
    }
    if let problem = evaluation.problem(
      beside: output, hasHeldOutPairs: data.evalSplit != nil || !data.evalData.isEmpty)
    {
      throw ValidationError(problem)
    }
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
      divergenceLimit: stopOnKL,
      samplePrompts: samplePrompts, sampleMaxNewTokens: sampleMaxNewTokens, stopsOnDegeneration: stopOnDegeneration)
  }
}

extension MiniMindArguments {
  /// What a run does for MiniMind; nil where it is not MiniMind's.
  fileprivate func request(loraName: String?, onGPU: Bool) -> TrainingRequest.MiniMind? {
    guard let saveDir, let saveWeight else { return nil }
    return .init(
      folder: saveDir, name: saveWeight, loraName: loraName, asksToResume: fromResume == 1,
      remarks: remarks(onGPU: onGPU))
  }
}
