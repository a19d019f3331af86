import ArgumentParser
import Observability

/// `sweep`: several learning rates, βs and losses in one process; which to take, and why.
struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Finds the learning rate, β and loss: trains each combination and compares them on held-out pairs.",
    discussion: """
      One process trains the combinations one after the other; models, tokens and the reference's log-probabilities are shared. \
      All other options are those of train. Prints a table by held-out accuracy with intervals, and the sentence which to take \
      and why; leaves in --output-dir sweep.html, sweep.json and, for each trial, its metrics. Ctrl-C or SIGTERM ends it after a \
      checkpoint (exit code 75); the same command goes on. Example:
        minimind-dpo sweep --model m --train-data dpo.jsonl --eval-data held.jsonl --output-dir sweep \
      --learning-rates 1e-6,3e-6,1e-5 --betas 0.1,0.3
      """)

  @OptionGroup(title: "What is tried") var sweep: SweepArguments
  @OptionGroup var training: Train

  func validate() throws {
    guard !training.main.data.evalData.isEmpty || training.main.data.evalSplit != nil else {
      throw ValidationError(
        "Trials are compared on held-out pairs: name a file of them with --eval-data, or hold out a part of --train-data with "
          + "--eval-split 0.1.")
    }
    if training.output.resumeFromCheckpoint != nil {
      throw ValidationError(
        "A sweep goes on by itself when the same command is given again; leave out --resume-from-checkpoint.")
    }
    guard !training.output.dryRun else {
      throw ValidationError("A sweep has no dry run; train --dry-run with the same options says what one trial needs.")
    }
    let miniMind = training.miniMind
    guard miniMind.fromWeight == nil, miniMind.saveDir == nil, miniMind.saveWeight == nil,
      training.adapter.loraName == nil
    else {
      throw ValidationError("A sweep names its model with --model and its folder with --output-dir.")
    }
  }

  func run() throws {
    let placement = try training.place()
    if let table = try SweepRun(request(onGPU: placement.device != .cpu), placement: placement).run() {
      Output.line(sweep.json ? table.json.serialized(.python) : table.text)
    }
  }

  private func request(onGPU: Bool) throws -> SweepRequest {
    let standard = training.setting
    let settings = try sweep.settings(standard: standard)
    func run(_ train: Train) throws -> TrainingRequest {
      if let reason = train.objective.loss.undefinedCombination { throw Failure(.usage, reason) }
      var run = try train.request(onGPU: onGPU)
      // Several trials ask for the same log-probabilities.
      run.training.cachesReference =
        run.training.loss.needsReference && !training.reference.syncRefModel && training.reference.refLogps != .online
      return run
    }
    let trials = try settings.map { setting in
      let folder = SweepRequest.folder(of: setting, in: training.main.outputDir)
      var trial = try run(training.with(setting, in: folder))
      if let name = training.output.tracking.runName { trial.output.audience.run.name = "\(name) \(setting.name)" }
      return SweepRequest.Trial(setting: setting, run: trial)
    }
    return SweepRequest(
      standard: try run(training), standardSetting: standard, trials: trials, savesBest: sweep.saveBest)
  }
}

extension Train {
  /// What a sweep varies, as the options say.
  fileprivate var setting: SweepSetting {
    SweepSetting(
      learningRate: optimization.learningRate ?? Self.usualLearningRate, beta: objective.beta,
      lossType: objective.lossName)
  }

  /// The same run with another setting, in a folder of its own.
  fileprivate func with(_ setting: SweepSetting, in folder: String) -> Train {
    var train = self
    train.optimization.learningRate = setting.learningRate
    train.objective.beta = setting.beta
    if setting.lossType != objective.lossName {
      train.objective.lossType = LossNames(argument: setting.lossType).map { [$0] } ?? []
      train.objective.lossWeights = []
    }
    train.main.outputDir = folder
    return train
  }
}
