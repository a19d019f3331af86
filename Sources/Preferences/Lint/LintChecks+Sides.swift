/// Both sides of a pair are the same, or nothing of their difference counts.
extension LintCheck {
  static let identicalSides = LintCheck(
    name: "identical-sides", severity: .problem, title: "chosen and rejected are the same",
    advice: "They teach nothing and are left out of training. Find out why they were compared, or remove them."
  ) { subject in
    LintMatches(subject.dropped([.identical]), of: subject) { "both answer \(excerpt(subject.texts[$0].chosen))" }
  }

  static let sameAfterTruncation = LintCheck(
    name: "same-after-truncation", severity: .problem, title: "the sides differ only after --max-length",
    advice: "They are left out of training. Raise --max-length, shorten the prompts, or remove them."
  ) { subject in
    let pairs = subject.dropped([.identicalAfterTruncation])
    let longPrompts = pairs.count { subject.tokenized[$0].promptLength >= subject.options.maxLength }
    let remark =
      longPrompts == 0
      ? nil
      : "in \(grouped(longPrompts)) of them the prompt alone has \(grouped(subject.options.maxLength)) tokens or more"
    return LintMatches(pairs, of: subject, remark: remark) { index in
      let pair = subject.tokenized[index]
      return "prompt \(grouped(pair.promptLength)) tokens, sides \(grouped(pair.chosenLength)) and "
        + "\(grouped(pair.rejectedLength)), the same in those that are kept"
    }
  }

  static let nothingToLearn = LintCheck(
    name: "nothing-to-learn", severity: .problem, title: "nothing to compare in the answers",
    advice:
      "They are left out of training. Look at them with `data FILE --show 1 --from INDEX`; raise --max-length where the "
      + "answers are cut off whole."
  ) { subject in
    let reasons: Set<DropReason> = [.noTargets, .oneSideWithoutTargets, .noDifferingTargets, .notRenderable]
    return LintMatches(subject.dropped(reasons), of: subject) { subject.tokenized[$0].dropReason?.rawValue ?? "" }
  }
}

extension LintSubject {
  /// The pairs that were dropped for one of some reasons.
  func dropped(_ reasons: Set<DropReason>) -> [Int] {
    tokenized.indices.filter { index in tokenized[index].dropReason.map(reasons.contains) ?? false }
  }
}
