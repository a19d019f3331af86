import ArgumentParser
import MiniMind

/// How answers are made.
struct GenerationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "0 for the most probable token always; higher for more variety. (default: 0; in pairs 0.8, in chat and serve 0.85)",
      valueName: "number"))
  var temperature: Double?
  @Option(
    help: ArgumentHelp(
      "Only the most probable tokens that together reach this probability. (default: 1; in chat and serve 0.95)",
      valueName: "part"))
  var topP: Double?
  @Option(help: ArgumentHelp("Draw only from this many of the most probable tokens.", valueName: "count"))
  var topK: Int?
  @Option(help: ArgumentHelp("Above 1 makes tokens that occurred less likely.", valueName: "factor"))
  var repetitionPenalty = 1.0
  @Option(
    help: ArgumentHelp("Longest answer in tokens. (default: 256; in chat and serve 1024)", valueName: "tokens"))
  var maxNewTokens: Int?
  @Option(
    help: ArgumentHelp("Seed of the draws. (default: 42; in chat and serve another one each time)", valueName: "number")
  )
  var seed: UInt64?
  @Flag(help: "Let the model think first, where its template knows how (enable_thinking, open_thinking).")
  var think = false

  func validate() throws {
    guard temperature ?? 0 >= 0, (0...1).contains(topP ?? 1), topP ?? 1 > 0, topK ?? 1 >= 1, repetitionPenalty > 0,
      maxNewTokens ?? 1 >= 1
    else {
      throw ValidationError(
        "--temperature must not be negative, --top-p lie in 0 to 1, --top-k, --repetition-penalty and "
          + "--max-new-tokens be above 0.")
    }
  }

  var sampling: SamplingOptions { sampling(temperature: 0) }

  /// As MiniMind's own `eval_llm.py` talks: a conversation is to vary.
  var conversational: SamplingOptions { sampling(temperature: 0.85, topP: 0.95, maxNewTokens: 1024) }

  /// What is taken where an option is not given.
  func sampling(temperature: Double, topP: Double = 1, maxNewTokens: Int = 256) -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = self.temperature ?? temperature
    options.topP = self.topP ?? topP
    options.topK = topK
    options.repetitionPenalty = repetitionPenalty
    options.maxNewTokens = self.maxNewTokens ?? maxNewTokens
    options.seed = seed ?? 42
    return options
  }
}

/// How many answers are made at once.
struct AnswerBatchArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Answers to a file of prompts that are made at once, on each device. They do not depend on it; the CPU takes up to 240.",
      valueName: "answers"))
  var batchSize = 64

  func validate() throws {
    guard batchSize >= 1 else { throw ValidationError("--batch-size must be at least 1.") }
  }
}
