import ArgumentParser
import MiniMind

/// `pairs`: from prompts to a preference file.
struct MakePairs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pairs",
    abstract: "Makes preference pairs: draws answers to prompts, has them scored, writes the best against the worst.",
    discussion: """
      With a scorer of your own:
        minimind-dpo pairs --model M --prompts prompts.jsonl --output dpo.jsonl --score-command 'python3 score.py'
      The command is started once. It reads a JSON object a line, {"prompt": [messages], "answer": "…", "index": 0, "sample": 0,
      "ended": true, …}, and prints a number for each, in the same order; higher is better.
      The pairs are MiniMind's {"chosen": […], "rejected": […]} with both scores, for train --train-data.
      """)

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(
    help: ArgumentHelp(
      "The prompts: a JSON object a line with \"messages\" or \"prompt\", or preference pairs, whose prompts are taken.",
      valueName: "file"))
  var prompts: String
  @Option(help: ArgumentHelp("Where the pairs go.", valueName: "file"))
  var output: String
  @Flag(help: "Replace --output where it exists.")
  var overwrite = false
  @Option(help: ArgumentHelp("Answers to each prompt.", valueName: "count"))
  var numSamples = 4
  @Option(help: ArgumentHelp("Write all answers with their scores too, as JSON lines.", valueName: "file"))
  var keepAll: String?
  @OptionGroup(title: "Scoring") var scoring: ScoringArguments
  @OptionGroup(title: "Generation") var generation: GenerationArguments
  @OptionGroup var batch: AnswerBatchArguments
  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments

  func validate() throws {
    guard numSamples >= 2 else { throw ValidationError("--num-samples must be at least 2: a pair has two answers.") }
    guard generation.temperature != 0 else {
      throw ValidationError("--temperature 0 gives the same answer every time; choose one above 0.")
    }
  }

  func run() throws {
    Output.holds(.remarks)
    let placement = try device.place(sharing: distribution.backend == .gloo)
    if let report = try PairMaking(request: request, placement: placement).run() {
      Output.line(report.table(output: output))
    }
  }

  private var request: PairRequest {
    PairRequest(
      source: model.source(shape), prompts: prompts, output: output, replacesOutput: overwrite, allAnswers: keepAll,
      samples: numSamples, sampling: generation.sampling(temperature: 0.8), thinks: generation.think,
      rows: batch.batchSize, scoring: scoring.value, minMargin: scoring.minMargin, distribution: distribution.value)
  }
}

extension ScoringArguments {
  /// What the options name.
  fileprivate var value: PairRequest.Scoring {
    if let scoreCommand { return .command(scoreCommand) }
    return .model(scoreModel ?? "", scoreBy)
  }
}
