import OrderedJSON

/// The two answers were given to different questions.
extension LintCheck {
  static let differingPrompts = LintCheck(
    name: "differing-prompts", severity: .problem, title: "the sides answer different prompts",
    advice:
      "A comparison needs one prompt. Check how the pairs were joined, or remove them. Conversations that part ways in an "
      + "assistant's turn are not counted: there the turns after it are the answers."
  ) { subject in
    LintMatches(subject.pairs.indices.filter { divergence(of: subject.pairs[$0]) != nil }, of: subject) { index in
      guard let (chosen, rejected) = divergence(of: subject.pairs[index]) else { return "" }
      return "the chosen side has \(chosen), the rejected side \(rejected)"
    }
  }

  /// The messages in which the prompts part ways, the first that differ where they are not both an assistant's; nil
  /// where it is the answers that part.
  private static func divergence(of pair: PreferencePair) -> (chosen: String, rejected: String)? {
    guard case .conversation(let chosen, let rejected, _) = pair.content else { return nil }
    guard let place = zip(chosen, rejected).enumerated().first(where: { !isSameValue($1.0, $1.1) })?.offset else {
      return nil
    }
    let messages = [chosen[place], rejected[place]]
    if messages.allSatisfy({ $0["role"]?.string == "assistant" }) { return nil }
    let words = messages.map { "\($0["role"]?.string ?? "?"): \(excerpt($0["content"]?.string ?? "", length: 32))" }
    return (words[0], words[1])
  }
}
