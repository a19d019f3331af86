import Torch

extension TorchError {
  /// Scores of the next token of which none can be chosen.
  static var nextTokenNotFinite: TorchError {
    TorchError(
      kind: .notFinite, operatorName: "generate",
      reason: """
        the model's scores of the next token (logits) are not finite numbers, though its weights are: what is computed from them \
        overflows. Such a model is of no use: take an earlier checkpoint, or compute in float32.
        """)
  }
}

extension CausalLM {
  /// Continues a prompt token by token, until an end token or the limit.
  ///
  /// - Parameters:
  ///   - prompt: at least one token
  ///   - endTokens: tokens that end the answer; they are not returned
  ///   - onToken: called with every new token; returns false to stop
  /// - Returns: the tokens after the prompt
  /// - Throws: `TorchError` when LibTorch fails; of the kind `notFinite` where the model's numbers overflow.
  public func generate(
    _ prompt: [Int32], options: SamplingOptions = SamplingOptions(), endTokens: Set<Int32> = [],
    onToken: (Int32) -> Bool = { _ in true }
  ) throws(TorchError) -> [Int32] {
    try withoutGrad { () throws(TorchError) in
      let device = weights.storage.device
      let generator = try Generator(seed: options.seed, device: device)
      let cache = try KeyValueCache(
        for: configuration, capacity: prompt.count + options.maxNewTokens, dtype: productType, device: device)
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
    // A single NaN or infinity shows in the sum; there are a few thousand numbers.
    guard try logits.sum().item().isFinite else { throw TorchError.nextTokenNotFinite }
    guard options.temperature > 0 else { return try logits.argmax().intItem() }
    let kept = min(options.topK ?? logits.count, logits.count)
    let (values, places) = try (logits / options.temperature).top(kept)
    var probabilities = try values.softmax(0)
    if options.topP < 1 {
      // A token is kept while those before it have not reached topP; the first, with 0 before it, always is.
      let before = try probabilities.cumulativeSum(0) - probabilities
      let limit = max(options.topP, Double(Float.leastNormalMagnitude))
      probabilities = try probabilities.maskedFill(before.less(limit).logicalNot(), 0)
    }
    let drawn = try probabilities.sample(1, from: generator).intItem()
    return try places.select(0, drawn).intItem()
  }
}
