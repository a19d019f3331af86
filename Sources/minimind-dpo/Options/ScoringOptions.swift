import ArgumentParser

/// What tells good answers from bad ones.
struct ScoringArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      A command that scores the answers, run by the shell: it reads a JSON object a line ("prompt", "answer", "index", \
      "sample", …) and prints a number for each, in the same order; higher is better.
      """, valueName: "command"))
  var scoreCommand: String?
  @Option(
    help: ArgumentHelp(
      "A second model with the same tokenizer: its mean log-probability per token is the score.", valueName: "path"))
  var scoreModel: String?
  @Option(
    help: """
      What --score-model measures: likelihood, or log-ratio, which is its likelihood less that of --model.
      """)
  var scoreBy = ScoreMeasure.likelihood
  @Option(
    help: ArgumentHelp(
      "A pair is dropped where the best score is not above the worst by more than this.", valueName: "score"))
  var minMargin = 0.0

  func validate() throws {
    guard (scoreCommand == nil) != (scoreModel == nil) else {
      throw ValidationError("Name either --score-command or --score-model.")
    }
    guard scoreModel != nil || scoreBy == .likelihood else {
      throw ValidationError("--score-by says what --score-model measures; name one.")
    }
    guard scoreCommand.map({ !$0.isEmpty }) ?? true else { throw ValidationError("--score-command is empty.") }
    guard minMargin >= 0, minMargin.isFinite else { throw ValidationError("--min-margin must not be negative.") }
  }
}

/// What a second model measures of an answer.
enum ScoreMeasure: String, ExpressibleByArgument, CaseIterable {
  case likelihood
  case logRatio = "log-ratio"
}
