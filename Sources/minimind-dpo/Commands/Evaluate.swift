import ArgumentParser
import DPO
import Foundation
import Launcher
import MiniMind
import Observability
import OrderedJSON
import Preferences
import Tokenization
import Training

import struct Observability.Progress

/// `eval`: how well a model tells chosen from rejected answers.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures loss, reward accuracy and margins on a preference file.",
    discussion: """
      Rewards are β(log π − log π_ref): how much the model moved from the reference, towards the chosen answers it is to be
      hoped. Without --ref-model there is no movement to measure, and only the log-probabilities themselves are compared.
      """)

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(help: ArgumentHelp("The reference: the model before training.", valueName: "path"))
  var refModel: String?
  @Option(
    name: [.long, .customLong("eval-data"), .customLong("data-path")], parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      Preference pairs. Several files are measured one by one, as eval_NAME_…, and together; NAME is the file's, or given as \
      NAME=FILE.
      """, valueName: "file"), transform: DataFileName.evaluationFile)
  var data: [EvaluationFile]
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Option(
    name: [.long, .customLong("batch-size")], help: ArgumentHelp("Pairs that run at once.", valueName: "pairs"))
  var perDeviceEvalBatchSize = 8
  @Option(help: ArgumentHelp("β of the rewards and of the loss.", valueName: "β"))
  var beta = 0.1
  @Option(help: ArgumentHelp("Label smoothing of the loss, 0 to 0.5.", valueName: "ε"))
  var labelSmoothing = 0.0
  @Flag(help: "Print one JSON object instead of a table.")
  var json = false
  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments

  func validate() throws {
    guard beta > 0, (0..<0.5).contains(labelSmoothing), perDeviceEvalBatchSize >= 1 else {
      throw ValidationError("--beta must be above 0, --label-smoothing in 0 ..< 0.5, the batch at least 1 pair.")
    }
    _ = try EvaluationFile.named(data)
  }

  func run() throws {
    let placement = try device.place(sharing: distribution.backend == .gloo)
    let job = try Job(
      WorkerEnvironment(ProcessInfo.processInfo.environment), distribution.value, placement: placement)
    try job.together {
      let sets = try measure(job)
      if job.isFirst { report(sets) }
    }
  }

  /// Sums over the pairs of each file, of which each process takes its share.
  private func measure(_ job: Job) throws -> [(name: String?, sums: PreferenceMetrics)] {
    let source = model.source(shape)
    let folder = try source.tokenizerFolder
    // Before the data: models that cannot be read or do not fit should not cost the time of tokenizing.
    let policy = try source.load()
    let reference =
      try refModel.map { try source.load($0) } ?? policy
    try VocabularyCheck.requireSame(policy: policy, reference: reference)
    job.activity.set(.preparingData)
    let sets = try EvaluationFile.named(data).map { file in
      let prepared = try PreparedPairs(
        contentsOf: file.path,
        tokenizer: VocabularyCheck.tokenizer(in: folder, for: policy) { remark in
          if job.isFirst { Console.standardError.print("warning: \(remark)") }
        }, folder: folder, options: pairs.options(seed: 42), cache: pairs.cache)
      if job.isFirst { Console.standardError.print(prepared.describe(as: "evaluation data", path: file.path)) }
      if let largest = prepared.tokenized.largestID, Int(largest) >= policy.configuration.vocabularySize {
        throw TrainingError.vocabularyTooSmall(
          largestID: Int(largest), vocabulary: policy.configuration.vocabularySize)
      }
      return EvaluationSet(name: file.name, pairs: try prepared.usable())
    }
    var options = TrainingOptions()
    options.loss = PreferenceLoss(beta: beta, labelSmoothing: labelSmoothing)
    options.perDeviceBatchSize = perDeviceEvalBatchSize
    let all = sets.flatMap(\.pairs)
    try job.communicator?.requireAgreement(
      on: [
        "evaluation pairs": all.contentHash, "model": policy.contentHash(),
        "reference model": reference.contentHash(), "beta": "\(beta)", "label-smoothing": "\(labelSmoothing)",
      ], about: "inputs")
    for model in [policy, reference] { try model.place(on: job.placement.device, multiplyingIn: job.placement.type) }
    job.activity.set(.evaluating)
    let line = ProgressLine()
    defer { line.finish() }
    let ranks = job.ranks()
    var measured = 0
    return try sets.map { set in
      let sums = try Trainer.evaluate(
        policy, reference: ReferenceModel(reference), pairs: set.pairs, options: options, ranks: ranks
      ) { done in
        if job.isFirst {
          line.update(Progress(task: "eval", done: measured + done * job.worldSize, total: all.count, unit: "pair"))
        }
      }
      measured += set.pairs.count
      return (set.name, sums)
    }
  }

  private func report(_ sets: [(name: String?, sums: PreferenceMetrics)]) {
    let comparesModels = refModel != nil
    var figures: JSON.Object = [:]
    func add(_ sums: PreferenceMetrics, prefix: String) {
      figures[prefix + "pairs"] = .integer(Int(sums.pairs))
      for (name, value) in sums.means where comparesModels || name.hasPrefix("logps/") {
        figures[prefix + name] = .number(value)
      }
      figures[prefix + "logps/accuracies"] = .number(sums.logProbabilityAccuracies / max(1, sums.pairs))
    }
    var all = PreferenceMetrics()
    for set in sets { all += set.sums }
    add(all, prefix: MetricName.evaluationPrefix)
    for (name, sums) in sets where name != nil { add(sums, prefix: MetricName.evaluationPrefix + (name ?? "") + "_") }
    if json {
      Output.line(JSON.object(figures).serialized(.python))
    } else {
      let width = max(28, figures.keys.map(\.count).max() ?? 0)
      for (name, value) in figures {
        Output.line(
          name.padding(toLength: width, withPad: " ", startingAt: 0) + " "
            + (value.double.map { HumanText.short($0) } ?? ""))
      }
      if !comparesModels { Output.line("Name --ref-model, the model before training, for loss and rewards.") }
    }
  }
}
