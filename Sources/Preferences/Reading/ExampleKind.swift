/// What the records of a file are to a run.
public enum ExampleKind: String, CaseIterable, Hashable, Sendable {
  /// Two answers each, of which one was preferred.
  case pairs
  /// Texts to imitate: conversations, prompts with completions, or plain text.
  case texts
  /// The chosen sides of preference pairs, as texts to imitate.
  case chosenTexts

  /// Whether there is one side to learn from instead of two to compare.
  public var areTexts: Bool { self != .pairs }
  /// What one of them is called in messages.
  public var noun: String { areTexts ? "text" : "pair" }
}
