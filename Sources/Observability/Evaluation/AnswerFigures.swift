/// What can be said of a model's answers to fixed prompts without reading them.
public struct AnswerFigures: Hashable, Sendable {
  /// The number of answers.
  public var answers: Int
  /// Different tokens over all tokens of an answer, mean over the answers (distinct-1: Li et al., 2016, "A
  /// diversity-promoting objective function for neural conversation models", arXiv:1510.03055, there over all answers together;
  /// by answer it does not fall because answers grow in number).
  public var distinct1: Double
  /// The same for pairs of tokens that follow each other.
  public var distinct2: Double
  /// Sequences of four tokens that occurred before in their answer, over all of them, mean over the answers (rep-4: Welleck
  /// et al., 2020, "Neural text generation with unlikelihood training", arXiv:1908.04319). A loop comes close to 1.
  public var repetition: Double
  /// Tokens of an answer, mean.
  public var length: Double
  /// The share of answers that met no end token within the limit.
  public var unfinished: Double
  /// The share of answers without a token.
  public var empty: Double

  /// The figures of some answers, tokens each, and whether an end token ended them; nil without answers.
  public init?(_ answers: [(tokens: [Int32], isEnded: Bool)]) {
    guard !answers.isEmpty else { return nil }
    let count = Double(answers.count)
    func mean(_ value: ((tokens: [Int32], isEnded: Bool)) -> Double) -> Double {
      answers.reduce(0) { $0 + value($1) } / count
    }
    self.answers = answers.count
    distinct1 = mean { Self.distinct(1, in: $0.tokens) }
    distinct2 = mean { Self.distinct(2, in: $0.tokens) }
    repetition = mean { 1 - Self.distinct(4, in: $0.tokens) }
    length = mean { Double($0.tokens.count) }
    unfinished = mean { $0.isEnded ? 0 : 1 }
    empty = mean { $0.tokens.isEmpty ? 1 : 0 }
  }

  /// Different n-grams over all n-grams of an answer; 1 where it is shorter than one.
  public static func distinct(_ n: Int, in tokens: [Int32]) -> Double {
    guard tokens.count >= n else { return 1 }
    let grams = (0...tokens.count - n).map { tokens[$0..<$0 + n] }
    return Double(Set(grams).count) / Double(grams.count)
  }
}

/// The answers of a model in training beside those of its reference to the same prompts.
public struct AnswerComparison: Hashable, Sendable {
  /// Of the model in training.
  public var policy: AnswerFigures
  /// Of the reference.
  public var reference: AnswerFigures

  /// Two sets of answers to the same prompts.
  public init(policy: AnswerFigures, reference: AnswerFigures) {
    (self.policy, self.reference) = (policy, reference)
  }

  /// The policy's mean length over the reference's; 1 where both are empty.
  public var lengthRatio: Double {
    reference.length > 0 ? policy.length / reference.length : policy.length > 0 ? .infinity : 1
  }

  /// In what way the answers have broken down, compared with the reference's; empty where they have not.
  ///
  /// Rules of thumb, on the cautious side: a fifth more of the text repeats itself, a third more of the answers (of two at least)
  /// find no end, or a fifth more of them say nothing.
  public var degeneration: [String] { degenerationPhrases.map(\.en) }

  /// The same in both languages.
  public var degenerationPhrases: [Phrase] {
    var findings: [Phrase] = []
    func percent(_ share: Double) -> String { HumanText.percent(share, digits: 0) }
    if policy.repetition - reference.repetition > 0.2 {
      let (now, before) = (percent(policy.repetition), percent(reference.repetition))
      findings.append(
        Phrase(
          en: "\(now) of their text repeats itself (the reference's: \(before))",
          zh: "\(now) 的文本在重复（参考模型：\(before)）"))
    }
    let unended = policy.unfinished - reference.unfinished
    if unended > 1.0 / 3, unended * Double(policy.answers) > 1.5 {
      let (now, before) = (percent(policy.unfinished), percent(reference.unfinished))
      findings.append(
        Phrase(
          en: "\(now) of them find no end (the reference's: \(before))", zh: "\(now) 的回答没有结尾（参考模型：\(before)）"))
    }
    if policy.empty - reference.empty > 0.2 {
      let (now, before) = (percent(policy.empty), percent(reference.empty))
      findings.append(
        Phrase(en: "\(now) of them are empty (the reference's: \(before))", zh: "\(now) 的回答为空（参考模型：\(before)）"))
    }
    return findings
  }
}
