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
  @Option(
    help: ArgumentHelp(
      "The reference: the model before training. (default with --adapter: base, the model without it)",
      valueName: "path"))
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

  /// What each set measured, after all of them together where there are several; each process takes its share of the pairs.
  private func measure(_ job: Job) throws -> [(name: String?, figures: EvaluationFigures)] {
    let source = model.source(shape)
    let folder = try source.tokenizerFolder
    // Before the data: models that cannot be read or do not fit should not cost the time of tokenizing.
    let policy = try source.load()
    let reference =
      if policy.adapter != nil, refModel ?? ModelSource.base == ModelSource.base {
        try policy.base()
      } else {
        try refModel.map { try source.load($0) } ?? policy
      }
    try VocabularyCheck.requireSame(policy: policy, reference: reference)
    job.activity.set(.preparingData)
    var (first, names) = (0, [String]())
    let sets = try EvaluationFile.named(data).map { file in
      let prepared = try PreparedPairs(
        contentsOf: file.path,
        tokenizer: VocabularyCheck.tokenizer(in: folder, for: policy) { remark in
          if job.isFirst { Console.standardError.print("warning: \(remark)") }
        }, folder: folder, options: pairs.options(seed: 42), cache: pairs.cache)
      if job.isFirst {
        Console.standardError.print(
          prepared.describe(as: TrainingWords.evaluationData, path: file.path, isHeldOut: true))
      }
      if let largest = prepared.tokenized.largestID, Int(largest) >= policy.configuration.vocabularySize {
        throw TrainingError.vocabularyTooSmall(
          largestID: Int(largest), vocabulary: policy.configuration.vocabularySize)
      }
      var pairs = try prepared.usable()
      // Each pair has a number of its own, in whatever file it is.
      for place in pairs.indices {
        pairs[place].index += first
        pairs[place].source = names.count
      }
      names.append(file.name ?? "file \(names.count + 1)")
      first += prepared.tokenized.pairs.count
      return EvaluationSet(name: file.name, pairs: pairs)
    }
    var options = TrainingOptions()
    options.loss = objective.loss
    options.perDeviceBatchSize = perDeviceEvalBatchSize
    let all = sets.flatMap(\.pairs)
    try job.communicator?.requireAgreement(
      on: [
        "evaluation pairs": all.contentHash, "model": policy.contentHash(),
        "reference model": reference.contentHash(), "loss": objective.loss.description,
      ], about: "inputs")
    for model in [policy, reference] { try model.place(on: job.placement.device, multiplyingIn: job.placement.type) }
    job.activity.set(.evaluating)
    let line = ProgressLine()
    defer { line.finish() }
    var measured: [Evaluation] = []
    let ranks = job.ranks()
    for set in sets {
      let before = measured.reduce(0) { $0 + $1.pairs.count }
      measured.append(
        try Trainer.evaluate(
          policy,
          reference: options.loss.needsReference
            ? ReferenceModel(reference, excessTokenWeight: options.loss.excessTokenWeight) : nil,
          pairs: set.pairs, options: options, ranks: ranks
        ) { done in
          if job.isFirst {
            line.update(Progress(task: "eval", done: before + done * job.worldSize, total: all.count, unit: "pair"))
          }
        })
    }
    try requireFinite(measured, of: all)
    let figures = zip(sets, measured).map { ($0.name, EvaluationFigures($1, slices: PairSlice.slices(of: $0.pairs))) }
    guard sets.count > 1 || sets[0].name != nil else { return figures }
    let whole = Evaluation(
      metrics: measured.reduce(into: PreferenceMetrics()) { $0 += $1.metrics }, pairs: measured.flatMap(\.pairs))
    return [(nil, EvaluationFigures(whole, slices: PairSlice.slices(of: all, sources: names)))] + figures
  }

  /// A mean with a NaN in it says nothing of a model.
  private func requireFinite(_ measured: [Evaluation], of pairs: [TokenizedPair]) throws {
    let results = measured.flatMap(\.pairs)
    let bad = Set(
      results.filter { !($0.chosenLogProbability + $0.rejectedLogProbability).isFinite || !$0.loss.isFinite }
        .map(\.index))
    guard !bad.isEmpty else { return }
    let files = try EvaluationFile.named(data).map(\.path)
    let places = pairs.filter { bad.contains($0.index) }.map { $0.place(in: files) }
    throw Failure(
      .badData,
      "the log-probability or the loss of \(HumanText.counted(places.count, "pair")) of "
        + "\(HumanText.grouped(pairs.count)) is not a finite number, though all weights are: "
        + "\(places.prefix(8).joined(separator: ", "))\(places.count > 8 ? " and more" : ""). What is computed from the weights "
        + "overflows: take an earlier checkpoint, or --precision fp32.")
  }

  private func report(_ sets: [(name: String?, figures: EvaluationFigures)]) {
    var record = MetricsRecord(step: 0)
    for (name, figures) in sets {
      figures.add(to: &record, prefix: MetricName.evaluationPrefix + (name.map { $0 + "_" } ?? ""))
    }
    let comparesModels = refModel != nil || model.adapter != nil || !objective.loss.needsReference
    var values = record.values
    if !comparesModels { values = values.filter { $0.key.contains("logps/") || $0.key.hasSuffix("_pairs") } }
    if json { return Output.line(JSON.object(values).serialized(.python)) }
    let width = max(30, (values.keys.map(\.count).max() ?? 0) + 1)
    for (name, value) in values {
      guard let number = value.double else { continue }
      Output.line(name.padding(toLength: width, withPad: " ", startingAt: 0) + " " + HumanText.short(number))
    }
    if comparesModels {
      for line in sets.first.map({ SliceTable($0.figures.slices).lines }) ?? [] { Output.line(line) }
      // As a run's record after its last step.
      let verdict = RunVerdict(RunEvidence(MetricsLog(records: [MetricsRecord(step: 1, record.values)])))
      Output.line("")
      Output.line(TerminalText.wrapped(verdict.text, width: min(88, Output.width ?? 88)))
    } else {
      Output.line("Name --ref-model, the model before training, for loss and rewards.")
    }
  }
}
