/// Why pairs could not be tokenized, or why none of them can be trained on.
public enum PairError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The data holds conversations, and there is no chat template.
  case noTemplate(line: Int)
  /// The chat template refused conversations: all of them, in order.
  case notRenderable(lines: [BadLine], total: Int)
  /// The tokenizer could not cope with the texts.
  case tokenizer(String)
  /// The maximal length leaves no room for a prediction.
  case maxLength(Int)
  /// Every pair was dropped.
  case allDropped(counts: [DropReason: Int], maxLength: Int, shortestPrompt: Int)

  /// What is wrong, what was expected, and what to do.
  public var description: String {
    switch self {
    case .noTemplate(let line):
      return "line \(line) is a conversation, but the tokenizer has no chat template. Expected \"chat_template\" in "
        + "tokenizer_config.json or a file chat_template.jinja beside it; or use plain-text pairs."
    case .notRenderable(let lines, let total):
      let shown = lines.prefix(20).map { "\n  \($0)" }.joined()
      let more = lines.count > 20 ? "\n  … and \(lines.count - 20) more" : ""
      return "the chat template refused \(lines.count) of \(total) pairs:\(shown)\(more)\n"
        + "Correct them, or drop them with --skip-bad-lines."
    case .tokenizer(let reason): return reason
    case .maxLength(let length):
      return "--max-length \(length) leaves nothing to predict; expected at least 2."
    case .allDropped(let counts, let maxLength, let shortestPrompt):
      let reasons = DropReason.allCases.compactMap { reason in
        counts[reason].map { "\($0) × \(reason.rawValue)" }
      }
      let total = counts.values.reduce(0, +)
      let noun = counts[.noTargetsInText] == nil ? "pairs" : "texts"
      var text = "none of the \(total) \(noun) can be learned from: " + reasons.joined(separator: ", ") + "."
      if shortestPrompt >= maxLength {
        text +=
          " --max-length \(maxLength) is shorter than every prompt; the shortest has \(shortestPrompt) tokens. "
          + "Raise --max-length above it, or cut the beginnings instead with --truncation-mode keep_end."
      }
      return text
    }
  }
}
