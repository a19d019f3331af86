/// Held-out pairs that have something in common, so that they can be looked at by themselves.
public struct PairSlice: Sendable, Hashable {
  /// What the pairs were divided by.
  public enum Trait: String, Sendable, CaseIterable {
    /// The mean of both answers' target tokens, in thirds.
    case answerLength = "answer length"
    /// Which answer has more target tokens.
    case longerAnswer = "longer answer"
    /// The language of the prompt.
    case promptLanguage = "prompt language"
    /// The language of the chosen answer.
    case answerLanguage = "answer language"
    /// The number of user turns.
    case turns
    /// The file that the pair is from.
    case source
  }

  /// What the pairs were divided by.
  public var trait: Trait
  /// What these have in common.
  public var label: String
  /// Their places in the list that was divided, ascending.
  public var places: [Int]

  /// The slices of some pairs by each trait in which they differ.
  ///
  /// - Parameter sources: what the files are called, by `TokenizedPair.source`; numbers where there are no names
  public static func slices(of pairs: [TokenizedPair], sources: [String] = []) -> [PairSlice] {
    let lengths = pairs.map(AnswerLengths.init)
    let languages = Language.allCases.map(\.rawValue)
    let turns = (1...3).map { $0 == 3 ? "3 and more" : "\($0)" }
    let files = Set(pairs.map(\.source)).sorted().map { sources.indices.contains($0) ? sources[$0] : "file \($0 + 1)" }
    let fileOf = Dictionary(
      zip(Set(pairs.map(\.source)).sorted(), files), uniquingKeysWith: { first, _ in first })
    let byPrompt = groups(.promptLanguage, pairs.map(\.promptLanguage.rawValue), order: languages)
    let byAnswer = groups(.answerLanguage, pairs.map(\.answerLanguage.rawValue), order: languages)
    return byLength(lengths) + groups(.longerAnswer, lengths.map(\.longer), order: ["chosen", "rejected", "neither"])
      + byPrompt
      // Most answers are in the language of their prompt, which makes the same slices.
      + (byAnswer.map(\.places) == byPrompt.map(\.places) ? [] : byAnswer)
      + groups(.turns, pairs.map { turns[min(max($0.turns, 1), 3) - 1] }, order: turns)
      + groups(.source, pairs.map { fileOf[$0.source] }, order: files)
  }

  /// Thirds of equal size, as far as equal lengths allow.
  private static func byLength(_ lengths: [AnswerLengths]) -> [PairSlice] {
    let sorted = lengths.map(\.mean).sorted()
    guard sorted.count >= 3 else { return [] }
    let (first, second) = (sorted[(sorted.count - 1) / 3], sorted[(2 * sorted.count - 1) / 3])
    let labels = ["at most \(first) tokens", "\(first + 1) to \(second) tokens", "more than \(second) tokens"]
    return groups(
      .answerLength, lengths.map { labels[$0.mean <= first ? 0 : $0.mean <= second ? 1 : 2] }, order: labels)
  }

  /// A slice for each value that occurs; none where all pairs have the same.
  private static func groups(_ trait: Trait, _ values: [String?], order: [String]) -> [PairSlice] {
    let slices = order.compactMap { value -> PairSlice? in
      let places = values.indices.filter { values[$0] == value }
      return places.isEmpty ? nil : PairSlice(trait: trait, label: value, places: places)
    }
    return slices.count > 1 ? slices : []
  }
}

/// The target tokens of both answers.
private struct AnswerLengths {
  let chosen: Int
  let rejected: Int

  init(_ pair: TokenizedPair) {
    chosen = pair.chosenTargets.count { $0 }
    rejected = pair.rejectedTargets.count { $0 }
  }

  var mean: Int { (chosen + rejected) / 2 }
  var longer: String { chosen == rejected ? "neither" : chosen > rejected ? "chosen" : "rejected" }
}
