/// How the next token is chosen.
public struct SamplingOptions: Sendable {
  /// Logits are divided by it; 0 always takes the most probable token.
  public var temperature = 0.0
  /// Only the most probable tokens that together reach this probability; 1 for all.
  public var topP = 1.0
  /// Only this many of the most probable tokens; nil for all.
  public var topK: Int?
  /// Logits of tokens that occurred are divided by it (multiplied if negative); 1 changes nothing (Keskar et al., 2019,
  /// "CTRL").
  public var repetitionPenalty = 1.0
  /// Only ids below this one are generated: those that the tokenizer can turn into text; nil for the whole vocabulary.
  public var tokenCount: Int?
  /// The most tokens to generate.
  public var maxNewTokens = 256
  /// The seed of the draws.
  public var seed: UInt64 = 42

  /// Greedy decoding of up to 256 tokens.
  public init() {}
}
