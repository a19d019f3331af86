import MiniMind

/// What `pairs` is asked for, whoever asks.
struct PairRequest {
  /// What tells good answers from bad ones.
  enum Scoring {
    /// A command of the shell.
    case command(String)
    /// The mean log-probability per token of a second model, or how far it exceeds the first one's.
    case model(String, ScoreMeasure)
  }

  /// The model that answers.
  var source: ModelSource
  /// The path of the prompts.
  var prompts: String
  /// The path of the pairs.
  var output: String
  /// Whether a file that is there is replaced.
  var replacesOutput = false
  /// The path of all answers with their scores; nil keeps them nowhere.
  var allAnswers: String?
  /// Answers to each prompt.
  var samples: Int
  /// How they are drawn.
  var sampling: SamplingOptions
  /// Whether the model thinks first.
  var thinks = false
  /// Answers that are made at once.
  var rows: Int
  /// What tells good from bad.
  var scoring: Scoring
  /// A pair's scores must differ by more than this.
  var minMargin = 0.0
  /// How several processes work together.
  var distribution = Distribution()
}
