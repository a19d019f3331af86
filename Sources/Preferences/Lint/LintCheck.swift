/// One thing that the linter looks for. To add one: write it in a file of its own, and name it in `all`.
public struct LintCheck: Sendable {
  /// What it is called in JSON, and in findings that are kept.
  public let name: String
  /// How much a finding of it matters.
  public let severity: LintSeverity
  /// What was found, in a few words.
  public let title: String
  /// What to do about it, in a sentence or two.
  public let advice: String
  /// Looks for it in one file, and finds nil where there is none of it. Without, it takes more than one file to see it.
  let look: (@Sendable (LintSubject) -> LintMatches?)?

  /// All checks, the graver ones first.
  public static let all: [LintCheck] = [
    identicalSides, contradictoryPairs, swappedByScore, leakedPrompts, differingPrompts, emptyAnswers,
    sameAfterTruncation,
    nothingToLearn, exactDuplicates, nearDuplicates,
    controlTokens, lostEndTokens, cutAnswers, equalScores, lengthBias, otherLanguage,
    oneTokenAnswers,
  ]

  /// The check of a name; nil if there is none.
  public static func named(_ name: String) -> LintCheck? { all.first { $0.name == name } }
}

/// What the linter looks at: the pairs of a file as text and as tokens.
struct LintSubject: Sendable {
  /// The pairs as read.
  var pairs: [PreferencePair]
  /// The same pairs as tokens, in the same order.
  var tokenized: [TokenizedPair]
  /// How they became tokens.
  var options: PairOptions
  /// The special tokens of the tokenizer.
  var specialTokens: SpecialTokens
  /// The pairs as three texts, for checks that compare wording.
  let texts: [PairText]

  init(pairs: [PreferencePair], tokenized: TokenizedPairs, specialTokens: SpecialTokens) {
    self.pairs = pairs
    self.tokenized = tokenized.pairs
    options = tokenized.options
    self.specialTokens = specialTokens
    texts = pairs.map(PairText.init)
  }
}

/// The places at which a check found something.
struct LintMatches {
  /// The pairs concerned, ascending.
  var pairs: [Int]
  /// How many were found; several may be in one pair.
  var count: Int
  /// Among how many.
  var total: Int
  /// What is counted.
  var unit = "pair"
  /// What else there is to say.
  var remark: String?
  /// What is at one of the pairs, for an example.
  var note: (Int) -> String

  /// Pairs of all pairs; nil where there is none.
  init?(_ pairs: [Int], of subject: LintSubject, remark: String? = nil, note: @escaping (Int) -> String) {
    self.init(pairs, of: subject.pairs.count, remark: remark, note: note)
  }

  /// Pairs of a number of pairs; nil where there is none.
  init?(_ pairs: [Int], of total: Int, remark: String? = nil, note: @escaping (Int) -> String) {
    guard !pairs.isEmpty else { return nil }
    self.pairs = pairs
    self.total = total
    self.note = note
    self.remark = remark
    count = pairs.count
  }

  /// Answers of all answers, at most two in each pair; nil where there is none.
  init?(
    answers count: Int, of total: Int, in pairs: [Int], remark: String? = nil, note: @escaping (Int) -> String
  ) {
    guard count > 0 else { return nil }
    self.pairs = pairs
    self.count = count
    self.total = total
    self.remark = remark
    self.note = note
    unit = "answer"
  }
}
