import ArgumentParser
import Foundation

/// What is measured beside the held-out pairs, which step's model is taken, and when a run ends before its last step.
struct EvaluationArguments: ParsableArguments {
  @Flag(help: "Take the model of the step with the best evaluation instead of the last one; needs --save-strategy.")
  var loadBestModelAtEnd = false

  @Option(
    help: ArgumentHelp(
      "What decides which step is best: a metric of the evaluations, with or without eval_. (default: loss)",
      valueName: "metric"))
  var metricForBestModel: String?

  @Option(
    help: ArgumentHelp(
      "Whether a larger metric is better. (default: true, unless its name ends in loss)", valueName: "true|false"))
  var greaterIsBetter: TruthValue?

  @Option(
    help: ArgumentHelp(
      "End the run after so many evaluations in a row without an improvement of that metric.", valueName: "evaluations")
  )
  var earlyStoppingPatience: Int?

  @Option(help: ArgumentHelp("By how much the metric must be better to be an improvement.", valueName: "difference"))
  var earlyStoppingThreshold = 0.0

  @Option(
    help: ArgumentHelp(
      "Texts to watch for forgetting at each evaluation: a .txt file, a text a line, or JSON lines with text or messages.",
      valueName: "file"))
  var guardData: String?

  @Option(
    help: ArgumentHelp(
      "End the run when the loss per token of --guard-data has risen by more than this part, such as 5%.",
      valueName: "part"))
  var stopOnForgetting: Part?

  @Option(
    name: .customLong("stop-on-kl"),
    help: ArgumentHelp(
      "End the run, with its result, when the log-probabilities of policy and reference differ by more than this many nats an "
        + "answer, on average over the pairs of a logging interval (objective/kl).", valueName: "nats"))
  var stopOnKL: Double?

  @Option(
    help: ArgumentHelp(
      "Prompts to answer at each evaluation, as generate takes them, to see whether answers break down.",
      valueName: "file"))
  var samplePrompts: String?

  @Option(help: ArgumentHelp("Longest answer to --sample-prompts in tokens.", valueName: "tokens"))
  var sampleMaxNewTokens = 128

  @Flag(
    help: "End the run when the answers to --sample-prompts break down: repeat themselves, find no end, or are empty.")
  var stopOnDegeneration = false

  func validate() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw ValidationError(message) }
    }
    try require(earlyStoppingPatience ?? 1 >= 1, "--early-stopping-patience must be at least 1 evaluation.")
    try require(
      earlyStoppingThreshold >= 0 && earlyStoppingThreshold.isFinite, "--early-stopping-threshold must not be negative."
    )
    try require(stopOnKL.map { $0 > 0 && $0.isFinite } ?? true, "--stop-on-kl must be a number of nats above 0.")
    try require(sampleMaxNewTokens >= 1, "--sample-max-new-tokens must be at least 1.")
    try require(
      stopOnForgetting == nil || guardData != nil, "--stop-on-forgetting needs --guard-data, the texts to watch.")
    try require(
      !stopOnDegeneration || samplePrompts != nil,
      "--stop-on-degeneration needs --sample-prompts, the prompts to answer.")
    try require(
      earlyStoppingThreshold == 0 || earlyStoppingPatience != nil,
      "--early-stopping-threshold needs --early-stopping-patience.")
    try require(
      greaterIsBetter == nil || choosesByMetric,
      "--greater-is-better says how to read --metric-for-best-model; name that metric.")
  }

  /// Whether evaluations are compared with each other.
  var choosesByMetric: Bool { loadBestModelAtEnd || metricForBestModel != nil || earlyStoppingPatience != nil }

  /// What is wrong with these options beside those that say when to evaluate and to save; nil where all is well. The rules are
  /// those of `transformers`.
  ///
  /// - Parameter hasHeldOutPairs: whether there is anything to evaluate
  func problem(beside output: OutputArguments, hasHeldOutPairs: Bool) -> String? {
    guard choosesByMetric || stopOnForgetting != nil || stopOnDegeneration else { return nil }
    let name =
      loadBestModelAtEnd
      ? "--load-best-model-at-end"
      : earlyStoppingPatience != nil
        ? "--early-stopping-patience"
        : metricForBestModel != nil
          ? "--metric-for-best-model" : stopOnForgetting != nil ? "--stop-on-forgetting" : "--stop-on-degeneration"
    guard let evaluations = output.evaluations else {
      return "\(name) needs evaluations during training: give --eval-steps, or --eval-strategy epoch."
    }
    if choosesByMetric, !hasHeldOutPairs { return "\(name) needs held-out pairs to evaluate: give --eval-data." }
    guard loadBestModelAtEnd else { return nil }
    switch (evaluations, output.saves) {
    case (_, nil):
      return "--load-best-model-at-end needs checkpoints to load from: give --save-steps, or --save-strategy epoch."
    case (.steps(let every), .steps(let saves)?) where saves % every != 0:
      return
        "--load-best-model-at-end needs a checkpoint only where there is an evaluation: --save-steps (\(saves)) must be a "
        + "multiple of --eval-steps (\(every))."
    case (.steps, .epoch?), (.epoch, .steps?):
      return "--load-best-model-at-end needs --eval-strategy and --save-strategy to be the same."
    default: return nil
    }
  }
}

/// True or false, as YAML, Python and `transformers` write them.
struct TruthValue: Hashable, ExpressibleByArgument, CustomStringConvertible {
  let value: Bool

  init?(argument: String) {
    guard let value = TransformersOptions.truth(argument) else { return nil }
    self.value = value
  }

  var description: String { "\(value)" }
}

/// A part of a whole, written as `5%` or `0.05`.
struct Part: Hashable, ExpressibleByArgument, CustomStringConvertible {
  let value: Double

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number > 0, number.isFinite else {
      return nil
    }
    value = isPercent ? number / 100 : number
  }

  var description: String { "\(value)" }
}
