import OrderedJSON

/// An answer to one of the prompts, as ranks and journals write it down.
struct DrawnAnswer {
  /// The place of the prompt in its file.
  let prompt: Int
  /// Which of the answers to it.
  let sample: Int
  /// Without the end token.
  let tokens: [Int32]
  /// Nil where the limit ended the answer.
  let endToken: Int32?
  /// Higher is better; nil until it is known.
  var score: Double?

  /// The tokens with the end token.
  var allTokens: [Int32] { tokens + [endToken].compactMap(\.self) }

  init(prompt: Int, sample: Int, tokens: [Int32], endToken: Int32?) {
    (self.prompt, self.sample, self.tokens, self.endToken) = (prompt, sample, tokens, endToken)
  }

  /// Nil for JSON that is no such record.
  init?(_ json: JSON) {
    guard let prompt = json["index"]?.int, let sample = json["sample"]?.int, let tokens = json["tokens"]?.array else {
      return nil
    }
    self.init(
      prompt: prompt, sample: sample, tokens: tokens.compactMap { $0.int.flatMap(Int32.init(exactly:)) },
      endToken: json["end"]?.int.flatMap(Int32.init(exactly:)))
    guard self.tokens.count == tokens.count else { return nil }
    score = json["score"]?.double
  }

  var json: JSON {
    [
      "index": .integer(prompt), "sample": .integer(sample), "tokens": .array(tokens.map { .integer(Int($0)) }),
      "end": endToken.map { .integer(Int($0)) } ?? .null, "score": score.map { .number($0) } ?? .null,
    ]
  }
}
