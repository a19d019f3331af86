import ArgumentParser
import MiniMind

/// How answers are made.
struct GenerationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "0 for the most probable token always; higher for more variety. Without, 0; in pairs 0.8.", valueName: "number"))
  var temperature: Double?
  @Option(help: ArgumentHelp("Only the most probable tokens that together reach this probability.", valueName: "part"))
  var topP = 1.0
  @Option(help: ArgumentHelp("Draw only from this many of the most probable tokens.", valueName: "count"))
  var topK: Int?
  @Option(help: ArgumentHelp("Above 1 makes tokens that occurred less likely.", valueName: "factor"))
  var repetitionPenalty = 1.0
  @Option(help: ArgumentHelp("Longest answer in tokens.", valueName: "tokens"))
  var maxNewTokens = 256
  @Option(help: ArgumentHelp("Seed of the draws.", valueName: "number"))
  var seed: UInt64 = 42
  @Flag(help: "Let the model think first, where its template knows how (enable_thinking, open_thinking).")
  var think = false

  func validate() throws {
    guard temperature ?? 0 >= 0, (0...1).contains(topP), topP > 0, topK ?? 1 >= 1, repetitionPenalty > 0,
      maxNewTokens >= 1
    else {
      throw ValidationError(
        "--temperature must not be negative, --top-p lie in 0 to 1, --top-k, --repetition-penalty and "
          + "--max-new-tokens be above 0.")
    }
  }

  var sampling: SamplingOptions { sampling(temperature: 0) }

  /// - Parameter usual: the temperature where none is given
  func sampling(temperature usual: Double) -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = temperature ?? usual
    options.topP = topP
    options.topK = topK
    options.repetitionPenalty = repetitionPenalty
    options.maxNewTokens = maxNewTokens
    options.seed = seed
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
