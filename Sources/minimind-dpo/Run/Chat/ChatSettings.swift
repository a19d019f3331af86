import MiniMind
import Observability

/// How answers of a conversation are made; to be changed while it goes on.
package struct ChatSettings {
  package var sampling: SamplingOptions
  package var thinking: Thinking
  /// The seed of every answer; nil for another one each time.
  package var seed: UInt64?

  package init(_ sampling: SamplingOptions, thinking: Thinking = .off, seed: UInt64? = nil) {
    (self.sampling, self.thinking, self.seed) = (sampling, thinking, seed)
  }

  /// The seed of a new question.
  func newSeed() -> UInt64 { seed ?? .random(in: 0...UInt64.max) }

  /// The options by the names of the command line.
  private static let names = ["temperature", "top-p", "top-k", "repetition-penalty", "max-new-tokens", "seed"]

  /// Sets an option.
  ///
  /// - Returns: what is wrong with it, where something is
  package mutating func set(_ name: String, to text: String) -> Phrase? {
    let isWhole: (Double) -> Bool = { $0 >= 1 && $0 <= 1e9 && $0 == $0.rounded() }
    switch name {
    case "temperature":
      return take(name, text, ChatWords.notNegative, { $0 >= 0 }) { $0.sampling.temperature = $1 }
    case "top-p": return take(name, text, ChatWords.part, { $0 > 0 && $0 <= 1 }) { $0.sampling.topP = $1 }
    case "top-k" where text == "off": sampling.topK = nil
    case "top-k": return take(name, text, ChatWords.wholeOrOff, isWhole) { $0.sampling.topK = Int($1) }
    case "repetition-penalty":
      return take(name, text, ChatWords.aboveZero, { $0 > 0 }) { $0.sampling.repetitionPenalty = $1 }
    case "max-new-tokens":
      return take(name, text, ChatWords.wholeNumber, isWhole) { $0.sampling.maxNewTokens = Int($1) }
    case "seed" where text == "off": seed = nil
    case "seed":
      guard let value = UInt64(text) else { return ChatWords.badValue(name, ChatWords.wholeOrOff) }
      seed = value
    default: return ChatWords.noSetting(name, among: Self.names)
    }
    return nil
  }

  private mutating func take(
    _ name: String, _ text: String, _ expected: Phrase, _ fits: (Double) -> Bool,
    _ store: (inout ChatSettings, Double) -> Void
  ) -> Phrase? {
    guard let value = Double(text), value.isFinite, fits(value) else { return ChatWords.badValue(name, expected) }
    store(&self, value)
    return nil
  }

  /// All options with their values.
  package var text: String {
    [
      "temperature \(HumanText.short(sampling.temperature))", "top-p \(HumanText.short(sampling.topP))",
      "top-k \(sampling.topK.map { "\($0)" } ?? "off")",
      "repetition-penalty \(HumanText.short(sampling.repetitionPenalty))",
      "max-new-tokens \(sampling.maxNewTokens)", "seed \(seed.map { "\($0)" } ?? "off")",
    ].joined(separator: ", ")
  }
}
