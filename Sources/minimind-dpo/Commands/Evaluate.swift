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
    name: [.long, .customLong("eval-data"), .customLong("data-path")],
    help: ArgumentHelp("Preference pairs.", valueName: "file"))
  var data: String
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Option(
    name: [.long, .customLong("batch-size")], help: ArgumentHelp("Pairs that run at once.", valueName: "pairs"))
  var perDeviceEvalBatchSize = 8
  @OptionGroup(title: "Loss") var objective: ObjectiveArguments
  @Flag(help: "Print one JSON object instead of a table.")
  var json = false
  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments

  func validate() throws {
    guard perDeviceEvalBatchSize >= 1 else { throw ValidationError("The batch must be at least 1 pair.") }
  }

  func run() throws {
    let placement = try device.place(sharing: distribution.backend == .gloo)
    let job = try Job(
      WorkerEnvironment(ProcessInfo.processInfo.environment), distribution.value, placement: placement)
    try job.together {
      let figures = try measure(job)
      if job.isFirst { report(figures) }
    }
  }

  /// The figures of all pairs, of which each process takes its share.
  private func measure(_ job: Job) throws -> EvaluationFigures {
    let source = model.source(shape)
    let folder = try source.tokenizerFolder
    // Before the data: models that cannot be read or do not fit should not cost the time of tokenizing.
    let policy = try source.load()
    let reference =
      try refModel.map { try source.load($0) } ?? policy
    try VocabularyCheck.requireSame(policy: policy, reference: reference)
    job.activity.set(.preparingData)
    let prepared = try PreparedPairs(
      contentsOf: data,
      tokenizer: VocabularyCheck.tokenizer(in: folder, for: policy) { remark in
        if job.isFirst { Console.standardError.print("warning: \(remark)") }
      }, folder: folder, options: pairs.options(seed: 42), cache: pairs.cache)
    if job.isFirst { Console.standardError.print(prepared.describe(as: "evaluation data", path: data)) }
    if let largest = prepared.tokenized.largestID, Int(largest) >= policy.configuration.vocabularySize {
      throw TrainingError.vocabularyTooSmall(
        largestID: Int(largest), vocabulary: policy.configuration.vocabularySize)
    }
    var options = TrainingOptions()
    options.loss = objective.loss
    options.perDeviceBatchSize = perDeviceEvalBatchSize
    let usable = try prepared.usable()
    try job.communicator?.requireAgreement(
      on: [
        "evaluation pairs": usable.contentHash, "model": policy.contentHash(),
        "reference model": reference.contentHash(), "loss": objective.loss.description,
      ], about: "inputs")
    for model in [policy, reference] { try model.place(on: job.placement.device, multiplyingIn: job.placement.type) }
    job.activity.set(.evaluating)
    let line = ProgressLine()
    defer { line.finish() }
    let evaluation = try Trainer.evaluate(
      policy, reference: ReferenceModel(reference, excessTokenWeight: options.loss.excessTokenWeight), pairs: usable,
      options: options, ranks: job.ranks()
    ) { done in
      if job.isFirst {
        line.update(Progress(task: "eval", done: done * job.worldSize, total: usable.count, unit: "pair"))
      }
    }
    return EvaluationFigures(evaluation, slices: PairSlice.slices(of: usable))
  }

  private func report(_ figures: EvaluationFigures) {
    var record = MetricsRecord(step: 0)
    figures.add(to: &record, prefix: MetricName.evaluationPrefix)
    let comparesModels = refModel != nil
    let names = ["eval_pairs", "eval_logps/"]
    var values = record.values
    if !comparesModels { values = values.filter { value in names.contains { value.key.hasPrefix($0) } } }
    if json { return Output.line(JSON.object(values).serialized(.python)) }
    for (name, value) in values {
      guard let number = value.double else { continue }
      Output.line(name.padding(toLength: 30, withPad: " ", startingAt: 0) + " " + HumanText.short(number))
    }
    if comparesModels {
      for line in SliceTable(figures.slices).lines { Output.line(line) }
    } else {
      Output.line("Name --ref-model, the model before training, for loss and rewards.")
    }
  }
}
