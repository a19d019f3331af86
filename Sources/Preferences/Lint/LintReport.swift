/// What the linter found in a preference file, and how long its texts are.
public struct LintReport: Hashable, Sendable, Codable {
  /// How many pairs were looked at.
  public private(set) var pairs = 0
  /// What was found, the graver ones first.
  public private(set) var findings: [LintFinding] = []
  /// Lengths of prompts and answers.
  public private(set) var lengths = LintLengths(of: [])

  /// Nothing looked at.
  public init() {}

  /// Looks at pairs with all checks that need one file, over all cores.
  /// - Parameters:
  ///   - pairs: the pairs as read.
  ///   - tokenized: the same pairs as tokens, in the same order.
  ///   - specialTokens: the control marks of the tokenizer.
  public init(pairs: [PreferencePair], tokenized: TokenizedPairs, specialTokens: SpecialTokens) {
    let subject = LintSubject(pairs: pairs, tokenized: tokenized, specialTokens: specialTokens)
    self.pairs = pairs.count
    lengths = LintLengths(of: tokenized.pairs.filter { $0.dropReason != .notRenderable })
    findings = LintCheck.all.compactMap { check in
      check.look?(subject).map { LintFinding($0, of: check, pairs: tokenized.pairs) }
    }
  }

  /// Adds a finding in its place among the others.
  mutating func add(_ matches: LintMatches?, of check: LintCheck, pairs: [TokenizedPair]) {
    guard let matches else { return }
    let order = LintCheck.all.map(\.name)
    findings.append(LintFinding(matches, of: check, pairs: pairs))
    findings.sort { (order.firstIndex(of: $0.check) ?? 0) < (order.firstIndex(of: $1.check) ?? 0) }
  }

  /// The findings of a severity.
  public func findings(_ severity: LintSeverity) -> [LintFinding] { findings.filter { $0.severity == severity } }

  /// The pairs that a clean copy leaves out: those of every problem, ascending.
  public var removablePairs: [Int] { Set(findings(.problem).flatMap(\.pairs)).sorted() }
}

extension LintFinding {
  init(_ matches: LintMatches, of check: LintCheck, pairs tokenized: [TokenizedPair]) {
    self.check = check.name
    severity = check.severity
    count = matches.count
    total = matches.total
    unit = matches.unit
    pairs = matches.pairs
    remark = matches.remark
    examples = matches.pairs.prefix(Self.exampleCount).map { Example(line: tokenized[$0].line, note: matches.note($0)) }
  }
}
