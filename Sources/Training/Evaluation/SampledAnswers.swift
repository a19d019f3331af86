import MiniMind
import Torch

/// A model's answer to a prompt.
public struct SampledAnswer: Sendable, Hashable, Codable {
  /// Its tokens, without the end token.
  public var tokens: [Int32]
  /// Whether an end token ended it, rather than the limit.
  public var isEnded: Bool

  /// An answer made elsewhere.
  public init(tokens: [Int32], isEnded: Bool) {
    (self.tokens, self.isEnded) = (tokens, isEnded)
  }
}

extension Trainer {
  /// Answers prompts greedily, each rank its share of them.
  ///
  /// - Parameters:
  ///   - prompts: tokens, at least one each
  ///   - options: how answers are made; `temperature` 0
  ///   - endTokens: tokens that end an answer
  ///   - progress: told the number of prompts done by this process
  ///   - stops: asked between tokens: whether this process was asked to stop
  /// - Returns: an answer to each prompt, the same on all ranks; nil where one of them was asked to stop
  /// - Throws: `TorchError` when LibTorch or another rank fails.
  public static func answers(
    of policy: CausalLM, to prompts: [[Int32]], options: SamplingOptions, endTokens: Set<Int32>, ranks: Ranks? = nil,
    progress: (Int) -> Void = { _ in }, stops: () -> Bool = { false }
  ) throws(TorchError) -> [SampledAnswer]? {
    // Of each prompt: 1 where it was answered, whether that ended, the number of tokens, the tokens.
    let width = 3 + options.maxNewTokens
    var table = [Double](repeating: 0, count: prompts.count * width)
    let own = Array(stride(from: ranks.rank, to: prompts.count, by: ranks.size))
    var done = 0
    let answered = try policy.generate(
      prompts: own.map { prompts[$0] }, options: options, endTokens: endTokens, numbers: own,
      onStep: { _ in !stops() },
      onAnswer: { _ in
        done += 1
        progress(done)
      })
    for answer in answered {
      let start = own[answer.prompt] * width
      let numbers = [1, answer.hasEnded ? 1 : 0, Double(answer.tokens.count)] + answer.tokens.map(Double.init)
      table.replaceSubrange(start..<start + numbers.count, with: numbers)
    }
    table = try ranks.sum(table)
    var answers: [SampledAnswer] = []
    for start in stride(from: 0, to: table.count, by: width) {
      guard table[start] > 0 else { return nil }
      let count = Int(table[start + 2])
      answers.append(
        SampledAnswer(
          tokens: table[start + 3..<start + 3 + count].map { Int32($0) }, isEnded: table[start + 1] > 0))
    }
    return answers
  }
}
