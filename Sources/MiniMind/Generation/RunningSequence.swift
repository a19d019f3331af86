/// An answer that is being made in a batch.
struct RunningSequence {
  let id: Int
  let options: SamplingOptions
  let endTokens: Set<Int32>
  /// The tokens of prompt and answer at most.
  let limit: Int
  /// The tokens of the answer so far.
  var made = 0
  /// The newest token, which has not run through the model yet.
  var last: Int32 = 0
  /// The tokens, of prompt and answer, that have.
  var length: Int
  /// What this answer draws with.
  var numbers: DrawnNumbers
  /// The tokens that occurred, of prompt and answer; kept only where the choice looks at them.
  var seen: Set<Int32> = []

  init(id: Int, prompt: [Int32], options: SamplingOptions, endTokens: Set<Int32>, numbers: DrawnNumbers) {
    (self.id, self.options, self.endTokens, self.numbers) = (id, options, endTokens, numbers)
    length = prompt.count
    limit = prompt.count + options.maxNewTokens
    if options.looksBack { seen = Set(prompt) }
  }

  /// Adds a chosen token.
  ///
  /// - Parameter token: nil where none could be chosen
  mutating func take(_ token: Int32?) -> SequenceStep {
    guard let token else { return SequenceStep(id: id, token: nil, end: .notFinite) }
    if endTokens.contains(token) { return SequenceStep(id: id, token: nil, end: .endToken(token)) }
    last = token
    made += 1
    if options.looksBack { seen.insert(token) }
    return SequenceStep(id: id, token: token, end: made < options.maxNewTokens ? nil : .limit)
  }
}

/// What a step did to one answer of a batch.
public struct SequenceStep: Hashable, Sendable {
  /// The answer, as it was named when it was admitted.
  public let id: Int
  /// Its new token; nil where it ended without one.
  public let token: Int32?
  /// What ended it; nil while it goes on.
  public let end: SequenceEnd?

  package init(id: Int, token: Int32?, end: SequenceEnd?) { (self.id, self.token, self.end) = (id, token, end) }
}

/// What ends an answer.
public enum SequenceEnd: Hashable, Sendable {
  /// A token that ends answers; it is no part of them.
  case endToken(Int32)
  /// It has as many tokens as it may have.
  case limit
  /// The model's scores of its next token overflowed.
  case notFinite
}

extension SamplingOptions {
  /// Whether the choice depends on which tokens occurred.
  var looksBack: Bool { repetitionPenalty != 1 }
}
