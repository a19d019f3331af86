import OrderedJSON

/// One comparison: for the same prompt, a reply that was preferred and one that was not. A text to imitate, as supervised
/// fine-tuning learns from, is a pair that has a chosen side only.
public struct PreferencePair: Hashable, Sendable {
  /// What is compared.
  public enum Content: Hashable, Sendable {
    /// Two whole conversations, each from its first message to the assistant turn it ends with.
    ///
    /// A message is a JSON object with `role` (system, user, assistant or tool) and `content` (a string, or null in an
    /// assistant turn with `tool_calls`); further members (`reasoning_content`, `tool_calls`, `name`, …) are kept as
    /// they were, for the chat template.
    /// - Parameter sharedMessages: how many leading messages are the prompt of both sides. With an explicit prompt, its
    ///   length; else the equal leading messages, of which at least one is left to each side as its completion.
    case conversation(chosen: [JSON], rejected: [JSON], sharedMessages: Int)
    /// Plain text, to which the chat template is not applied.
    case text(prompt: String, chosen: String, rejected: String)
  }

  /// The pair's place among the pairs read from its file, counted from 0; dropped bad lines do not count.
  public var index: Int
  /// The line of the file on which the pair starts, counted from 1.
  public var line: Int
  /// What is compared.
  public var content: Content
  /// The tools offered in the conversation, for the chat template.
  public var tools: [JSON]?
  /// More variables for the chat template (TRL's `chat_template_kwargs`), such as `enable_thinking`.
  public var templateVariables: JSON.Object
  /// The chosen answer's score less the rejected one's; nil where the line has no scores.
  public var scoreMargin: Double?
  /// Whether the line says that neither answer is the better one.
  public var isTie = false
  /// Whether there is a rejected side; a text to imitate has none, and its `rejected` is empty.
  public var hasRejected = true
  /// Keys of the line that are no part of the pair, such as `source` or `id`.
  public var unusedKeys: [String]

  /// A pair made of its parts; nothing is checked.
  public init(
    index: Int = 0, line: Int = 1, content: Content, tools: [JSON]? = nil, templateVariables: JSON.Object = [:],
    scoreMargin: Double? = nil, unusedKeys: [String] = []
  ) {
    self.index = index
    self.line = line
    self.content = content
    self.tools = tools
    self.templateVariables = templateVariables
    self.scoreMargin = scoreMargin
    self.unusedKeys = unusedKeys
  }

  /// Whether the two sides differ before their last turn: the replies answer different questions, which DPO's
  /// derivation does not foresee.
  public var promptsDiffer: Bool {
    guard hasRejected, case .conversation(let chosen, let rejected, _) = content else { return false }
    return chosen.count != rejected.count
      || !zip(chosen.dropLast(), rejected.dropLast()).allSatisfy { isSameValue($0, $1) }
  }
}

extension PreferencePair {
  /// The chosen side alone, as a text to imitate.
  var chosenText: PreferencePair {
    var text = self
    text.hasRejected = false
    text.scoreMargin = nil
    switch content {
    case .conversation(let chosen, _, let shared):
      text.content = .conversation(chosen: chosen, rejected: [], sharedMessages: shared)
    case .text(let prompt, let chosen, _): text.content = .text(prompt: prompt, chosen: chosen, rejected: "")
    }
    return text
  }
}

/// Whether two JSON values are equal as Python's `==` has it: the order of keys does not count, every scalar of a
/// string does.
func isSameValue(_ one: JSON, _ other: JSON) -> Bool {
  switch (one, other) {
  case (.string(let one), .string(let other)):
    return one.isSameText(as: other)
  case (.array(let one), .array(let other)):
    return one.count == other.count && zip(one, other).allSatisfy { isSameValue($0, $1) }
  case (.object(let one), .object(let other)):
    return one.count == other.count
      && one.allSatisfy { key, value in other[key].map { isSameValue(value, $0) } ?? false }
  default:
    return one == other
  }
}
