import Torch

/// How the next token is chosen.
public struct SamplingOptions: Sendable {
  /// Scores are divided by it; 0 takes the most probable token always.
  public var temperature = 0.0
  /// Only the most probable tokens that together reach this probability; 1 for all.
  public var topP = 1.0
  /// Only this many of the most probable tokens; nil for all.
  public var topK: Int?
  /// Scores of tokens that occurred are divided by it (multiplied where negative); 1 leaves them
  /// (Keskar et al., 2019, "CTRL").
  public var repetitionPenalty = 1.0
  /// Only ids below this one are drawn: those that the tokenizer can turn into text; nil for the model's whole vocabulary.
  public var tokenCount: Int?
  /// The most tokens to make.
  public var maxNewTokens = 256
  /// The seed of the draws.
  public var seed: UInt64 = 42

  /// Greedy decoding of up to 256 tokens.
  public init() {}
}

extension CausalLM {
  /// Continues a prompt token by token, until an end token or the limit.
  ///
  /// - Parameters:
  ///   - prompt: at least one token
  ///   - endTokens: tokens that end the answer; the one that did is not returned
  ///   - onToken: called with every token as it comes; returns false to stop
  /// - Returns: the tokens behind the prompt
  /// - Throws: `TorchError` when LibTorch fails.
  public func generate(
    _ prompt: [Int32], options: SamplingOptions = SamplingOptions(), endTokens: Set<Int32> = [],
    onToken: (Int32) -> Bool = { _ in true }
  ) throws(TorchError) -> [Int32] {
    try withoutGrad { () throws(TorchError) in
      let device = weights.storage.device
      let generator = try Generator(seed: options.seed, device: device)
      let cache = try KeyValueCache(for: configuration, capacity: prompt.count + options.maxNewTokens, device: device)
      var answer: [Int32] = []
      var pending = prompt
      while answer.count < options.maxNewTokens {
        let ids = try Tensor(pending.map(Int.init)).to(device: device)
        let logits = try nextTokenLogits(ids, cache: cache).to(.float32)
        let token = Int32(
          try Self.choose(logits, options: options, seen: prompt + answer, generator: generator))
        if endTokens.contains(token) { break }
        answer.append(token)
        if !onToken(token) { break }
        pending = [token]
      }
      return answer
    }
  }

  private static func choose(
    _ logits: Tensor, options: SamplingOptions, seen: [Int32], generator: Generator
  ) throws(TorchError) -> Int {
    var logits = logits
    if let tokenCount = options.tokenCount, tokenCount < logits.count { logits = try logits.narrow(0, 0, tokenCount) }
    let seen = seen.filter { $0 < logits.count }
    if options.repetitionPenalty != 1, !seen.isEmpty {
      let places = try Tensor(Set(seen).sorted().map(Int.init)).to(device: logits.device)
      let scores = try logits.indexSelect(0, places)
      let penalized = try scores.less(0).choose(
        scores * options.repetitionPenalty, scores / options.repetitionPenalty)
      logits = try logits.indexAdd(0, places, penalized - scores)
    }
    guard options.temperature > 0 else { return try logits.argmax().intItem() }
    let kept = min(options.topK ?? logits.count, logits.count)
    let (values, places) = try (logits / options.temperature).top(kept)
    var probabilities = try values.softmax(0)
    if options.topP < 1 {
      // A token stays while the ones before it have not reached topP; the first one, with 0 before it, always does.
      let before = try probabilities.cumulativeSum(0) - probabilities
      let limit = max(options.topP, Double(Float.leastNormalMagnitude))
      probabilities = try probabilities.maskedFill(before.less(limit).logicalNot(), 0)
    }
    let drawn = try probabilities.sample(1, from: generator).intItem()
    return try places.select(0, drawn).intItem()
  }
}
