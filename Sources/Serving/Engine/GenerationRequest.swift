import MiniMind

/// What a client wants from a model.
public struct GenerationRequest: Sendable {
  /// The name of the model.
  public var model: String
  /// What is to be answered.
  public var prompt: ChatFormat.Prompt
  /// How many answers.
  public var choices = 1
  /// How tokens are chosen.
  public var options: SamplingOptions
  /// Texts before which an answer stops.
  public var stops: [String] = []
  /// Whether the answer is plain text, in which thoughts and tool calls are not told apart.
  public var isPlain = false
  /// Whether tools were offered.
  public var findsToolCalls = false

  /// One answer, read as one to a conversation.
  public init(model: String, prompt: ChatFormat.Prompt, options: SamplingOptions) {
    (self.model, self.prompt, self.options) = (model, prompt, options)
  }

  /// The text of a new answer.
  func text(_ format: ChatFormat) -> AnswerText {
    AnswerText(
      format, stops: stops,
      reader: isPlain
        ? nil : AnswerReader(startsInThought: prompt.startsInThought, findsToolCalls: findsToolCalls))
  }
}

/// What happens to an answer.
public struct AnswerEvent: Hashable, Sendable {
  /// Which of the answers to the request, from 0.
  public let choice: Int
  /// What happened.
  public let kind: Kind

  /// What may happen.
  public enum Kind: Hashable, Sendable {
    /// The next part of it.
    case part(AnswerPart)
    /// It is complete: why, and how many tokens it took.
    case end(FinishReason, tokens: Int)
    /// It cannot go on.
    case failed(String)
  }
}

/// Why an answer is complete, in OpenAI's words.
public enum FinishReason: String, Sendable {
  /// The model ended it, or a stop was found.
  case stop
  /// It is as long as it may be.
  case length
  /// The model waits for what its tool calls give.
  case toolCalls = "tool_calls"
}
