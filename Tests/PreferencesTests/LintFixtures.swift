import Foundation
import OrderedJSON
import Preferences
import Testing

/// A question with two answers.
func compared(_ question: String, _ chosen: String, _ rejected: String, with more: JSON.Object = [:]) -> JSON {
  var members: JSON.Object = [
    "chosen": conversation(("user", question), ("assistant", chosen)),
    "rejected": conversation(("user", question), ("assistant", rejected)),
  ]
  for (key, value) in more { members[key] = value }
  return .object(members)
}

/// The linter over bytes as tokens.
struct Linted {
  let report: LintReport
  let tokenized: TokenizedPairs

  init(
    _ lines: [JSON], template: @escaping PairTokenizer.Render = Templates.chatML, options: PairOptions = PairOptions()
  ) throws {
    let text = lines.map { $0.serialized() + "\n" }.joined()
    let pairs = try read(text, skipBadLines: options.skipBadLines).pairs
    tokenized = try byteTokenizer(template, options).tokenize(pairs)
    let specials = ByteTokenizer().specials
    let spellings = specials.reduce(into: [Int32: String]()) { $0[ByteTokenizer().id(of: $1)] = $1 }
    report = LintReport(pairs: pairs, tokenized: tokenized, specialTokens: SpecialTokens(spellings))
  }

  /// The finding of a check; nil where it found nothing.
  subscript(check: String) -> LintFinding? { report.findings.first { $0.check == check } }

  /// The lines of the pairs that a check named.
  func lines(_ check: String) -> [Int] { self[check].map { $0.pairs.map { tokenized.pairs[$0].line } } ?? [] }
}

/// Ten pairs in which there is nothing to find.
let soundPairs: [JSON] = [
  compared("What is the capital of France?", "It is Paris.", "No idea, go away."),
  compared("What is the capital of Spain?", "It is Madrid.", "That is Lisbon, I think."),
  compared("How much is 3 + 4?", "Seven.", "About 8."),
  compared("How much is 3 + 5?", "8 in all.", "Nine."),
  compared("写一首关于春天的诗。", "春风吹绿了江南岸。", "我不会写诗，请你自己写。"),
  compared("Name a colour of the rainbow, please.", "Red.", "Black is one of them."),
  compared("Why is the sky blue?", "Air scatters blue light more than red.", "The sea is mirrored in it."),
  compared("Write a loop in C.", "for (int i = 0; i < n; i++) {}", "loop n times"),
  compared("Tell me a joke about cats.", "A cat walks into a bar, and leaves.", "Cats are not funny at all, ever."),
  compared("Who wrote Hamlet?", "Shakespeare wrote it.", "Goethe did, in Weimar."),
]
