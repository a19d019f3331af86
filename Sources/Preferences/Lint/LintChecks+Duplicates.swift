/// Pairs that say what another pair says already, or the opposite.
extension LintCheck {
  static let exactDuplicates = LintCheck(
    name: "exact-duplicates", severity: .problem, title: "repeats of an earlier pair, word for word",
    advice: "A pair that is there twice counts twice. Keep the first, unless the weight is intended."
  ) { subject in
    let originals = subject.exactOriginals
    return LintMatches(originals.keys.sorted(), of: subject) { index in
      "the same as line \(originals[index].map { subject.pairs[$0].line } ?? 0): \(excerpt(subject.texts[index].prompt))"
    }
  }

  static let nearDuplicates = LintCheck(
    name: "near-duplicates", severity: .problem, title: "near duplicates of an earlier pair",
    advice:
      "Prompt and both answers are nearly those of the other pair: capitals, punctuation and spaces do not count, numbers do. "
      + "Keep one of them."
  ) { subject in
    let exact = subject.exactOriginals
    let originals = NearDuplicates.originals(in: subject.texts, excluding: Set(exact.keys))
    return LintMatches(originals.keys.sorted(), of: subject) { index in
      "nearly line \(originals[index].map { subject.pairs[$0].line } ?? 0): \(excerpt(subject.texts[index].prompt))"
    }
  }

  static let contradictoryPairs = LintCheck(
    name: "contradictory-pairs", severity: .problem, title: "the same two answers in both orders",
    advice:
      "One pair prefers what the other rejects, so they cancel. Decide for one of them; where annotators disagree, "
      + "--label-smoothing is the honest way to say so."
  ) { subject in
    var places: [PairKey: Int] = [:]
    for index in subject.pairs.indices.reversed() { places[PairKey(whole: subject.pairs[index])] = index }
    var opposites: [Int: Int] = [:]
    // Identical sides are their own opposite.
    for index in subject.pairs.indices where subject.tokenized[index].dropReason != .identical {
      let key = PairKey(whole: subject.pairs[index])
      if let opposite = places[key.swapped] { opposites[index] = opposite }
    }
    return LintMatches(opposites.keys.sorted(), of: subject) { index in
      "the opposite of line \(opposites[index].map { subject.pairs[$0].line } ?? 0): \(excerpt(subject.texts[index].prompt))"
    }
  }
}

extension LintSubject {
  /// The first pair that says the same, for each pair that repeats one.
  var exactOriginals: [Int: Int] {
    var first: [PairKey: Int] = [:]
    var originals: [Int: Int] = [:]
    for (index, pair) in pairs.enumerated() {
      let key = PairKey(whole: pair)
      if let original = first[key] { originals[index] = original } else { first[key] = index }
    }
    return originals
  }
}
