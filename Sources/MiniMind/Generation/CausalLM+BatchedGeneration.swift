import Torch

/// An answer to one of many prompts.
public struct GeneratedAnswer: Hashable, Sendable {
  /// The place of the prompt in the list.
  public let prompt: Int
  /// Which of the answers to that prompt, from 0.
  public let sample: Int
  /// The tokens after the prompt, without the end token.
  public let tokens: [Int32]
  /// The end token that ended it; nil where the limit did.
  public let endToken: Int32?
  /// Whether an end token ended it, and not the limit.
  public var hasEnded: Bool { endToken != nil }
}

extension CausalLM {
  /// Answers many prompts, several of them at once.
  ///
  /// Each prompt runs once, whatever the number of its samples. Then every step extends all running answers by a token; an
  /// answer that ends gives its row to the next. The weights are read once a step instead of once a token, which is
  /// what makes it fast.
  ///
  /// What an answer is does not depend on what runs beside it: it draws from numbers of its own, made of seed, prompt and
  /// sample; attention is masked behind its own end; and the rows of a product are padded to a multiple of 16, below
  /// which LibTorch's libraries choose other kernels with other rounding. Above that a row had the same bits in products of
  /// any height on the processor at hand, though no library promises it. The tokens are those of `generate(_:)`, whose
  /// products have one row, but for the rare case that rounding decides between two tokens which are equally
  /// probable to six digits; from there on the two answers differ.
  ///
  /// - Parameters:
  ///   - prompts: each of at least one token
  ///   - samples: how many answers to each prompt; more than one need a temperature above 0
  ///   - endTokens: tokens that end an answer; they are not returned
  ///   - numbers: the number of each prompt by which its draws are made; nil for its place in the list. A process that has
  ///     a part of the prompts gives their places among all.
  ///   - rows: how many answers run at once, at most; on the CPU no more than 240, above which products change their algorithm
  ///   - onStep: called after every step with the number of tokens it made; returns false to stop
  ///   - onAnswer: called with each answer when it is complete, in no particular order
  /// - Returns: the complete answers, by prompt and sample
  /// - Throws: `TorchError` when LibTorch fails; of the kind `notFinite` where the model's numbers overflow.
  public func generate(
    prompts: [[Int32]], samples: Int = 1, options: SamplingOptions = SamplingOptions(), endTokens: Set<Int32> = [],
    numbers: [Int]? = nil, rows: Int = 64, onStep: (Int) -> Bool = { _ in true },
    onAnswer: (GeneratedAnswer) -> Void = { _ in }
  ) throws(TorchError) -> [GeneratedAnswer] {
    try withoutGrad { () throws(TorchError) in
      let batch = try GenerationBatch(
        self, rows: max(1, min(rows, prompts.count * samples)), tokenCount: options.tokenCount)
      var answers: [GeneratedAnswer] = []
      var tokens: [Int: [Int32]] = [:]
      func take(_ step: SequenceStep) throws(TorchError) {
        if let token = step.token { tokens[step.id, default: []].append(token) }
        guard let end = step.end else { return }
        if end == .notFinite { throw TorchError.nextTokenNotFinite }
        let answer = GeneratedAnswer(
          prompt: step.id / samples, sample: step.id % samples, tokens: tokens.removeValue(forKey: step.id) ?? [],
          endToken: end.token)
        onAnswer(answer)
        answers.append(answer)
      }
      var next = 0
      let count = options.maxNewTokens > 0 ? prompts.count * samples : 0
      while true {
        while batch.hasRoom, next < count {
          let prompt = next / samples
          try take(
            batch.admit(
              prompts[prompt], as: next, options: options, endTokens: endTokens, number: numbers?[prompt] ?? prompt,
              sample: next % samples))
          next += 1
        }
        if batch.isEmpty { break }
        let made = batch.count
        for step in try batch.step() { try take(step) }
        if !onStep(made) { break }
      }
      return answers.sorted { ($0.prompt, $0.sample) < ($1.prompt, $1.sample) }
    }
  }
}

extension SequenceEnd {
  /// The token that ended an answer; nil where something else did.
  fileprivate var token: Int32? {
    if case .endToken(let token) = self { token } else { nil }
  }
}
