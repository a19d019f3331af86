import MiniMind

/// What a server takes where a request says nothing.
public struct CompletionStandard: Sendable {
  /// How tokens are chosen; `maxNewTokens` is the most tokens of an answer.
  public var options: SamplingOptions
  /// The seed of every answer; nil for another one each time.
  public var seed: UInt64?
  /// Whether models are asked to think first.
  public var thinks: Bool

  /// MiniMind's own settings (`eval_llm.py`): temperature 0.85, top-p 0.95.
  public init(thinks: Bool = false) {
    options = SamplingOptions()
    (options.temperature, options.topP, options.maxNewTokens) = (0.85, 0.95, 1024)
    self.thinks = thinks
  }
}
