/// Training pairs whose prompt is also one of the evaluation data.
extension LintCheck {
  static let leakedPrompts = LintCheck(
    name: "leaked-prompts", severity: .problem, title: "the prompt is also in the evaluation data",
    advice:
      "The evaluation then measures what was learned by heart. Leave these pairs out of the training data, or choose other "
      + "evaluation data; split by prompt, not by pair.", look: nil)
}

extension LintReport {
  /// Looks for training prompts that are also in evaluation data, which takes both files.
  /// - Parameters:
  ///   - training: the pairs that this report is about.
  ///   - evaluation: the evaluation data by name.
  public mutating func addLeaks(of training: TokenizedPairs, into evaluation: [(name: String, pairs: TokenizedPairs)]) {
    var places: [UInt64: (name: String, line: Int)] = [:]
    for (name, held) in evaluation {
      for pair in held.pairs where places[pair.promptKey] == nil { places[pair.promptKey] = (name, pair.line) }
    }
    let leaked = training.pairs.indices.filter { places[training.pairs[$0].promptKey] != nil }
    let matches = LintMatches(leaked, of: training.pairs.count) { index in
      guard let place = places[training.pairs[index].promptKey] else { return "" }
      return "the prompt of line \(place.line) of \(place.name)"
    }
    add(matches, of: .leakedPrompts, pairs: training.pairs)
  }
}
