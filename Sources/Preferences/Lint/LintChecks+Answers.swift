import OrderedJSON

/// Answers of which little or nothing is there.
extension LintCheck {
  static let emptyAnswers = LintCheck(
    name: "empty-answers", severity: .problem, title: "an answer is empty",
    advice:
      "An empty chosen answer teaches silence; an empty rejected one teaches little else than not to be silent. Often the "
      + "model that wrote it failed. Remove them."
  ) { subject in
    LintMatches(subject.pairs.indices.filter { !emptySides(of: subject.pairs[$0]).isEmpty }, of: subject) { index in
      "the \(emptySides(of: subject.pairs[index]).joined(separator: " and the ")) answer to "
        + excerpt(subject.texts[index].prompt)
    }
  }

  private static func emptySides(of pair: PreferencePair) -> [String] {
    func isEmpty(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(\.properties.isWhitespace) }
    switch pair.content {
    case .text(_, let chosen, let rejected):
      return [("chosen", chosen), ("rejected", rejected)].filter { isEmpty($0.1) }.map(\.0)
    case .conversation(let chosen, let rejected, _):
      // A turn that only calls a tool has no text to show.
      return [("chosen", chosen), ("rejected", rejected)].filter { _, messages in
        messages.last.map { isEmpty($0["content"]?.string ?? "") && $0["tool_calls"]?.array?.isEmpty ?? true } ?? true
      }.map(\.0)
    }
  }

  static let oneTokenAnswers = LintCheck(
    name: "one-token-answers", severity: .note, title: "answers of a single token",
    advice: "Right for labels and choices. Elsewhere the model learns little more than to be short."
  ) { subject in
    var pairs: [Int] = []
    var answers = 0
    for (index, pair) in subject.tokenized.enumerated() {
      let count = pair.sides.count { subject.contentLength(of: $0) == 1 }
      if count > 0 { pairs.append(index) }
      answers += count
    }
    return LintMatches(answers: answers, of: 2 * subject.pairs.count, in: pairs) { index in
      let sides = zip(["chosen", "rejected"], subject.tokenized[index].sides)
      let texts = ["chosen": subject.texts[index].chosen, "rejected": subject.texts[index].rejected]
      return sides.filter { subject.contentLength(of: $1) == 1 }
        .map { "\($0.0) \(excerpt(texts[$0.0] ?? ""))" }.joined(separator: ", ")
    }
  }

  static let cutAnswers = LintCheck(
    name: "cut-answers", severity: .warning, title: "answers that are cut off",
    advice:
      "What is cut off is not learned, and nor is the end of the answer. Raise --max-length, or accept it and watch lost-end-tokens."
  ) { subject in
    var pairs: [Int] = []
    var (answers, lost, total) = (0, 0, 0)
    for (index, pair) in subject.tokenized.enumerated() {
      let cuts = pair.sides.map { subject.cutTokens(of: $0) }
      total += pair.sides.reduce(0) { $0 + $1.answerLength }
      lost += cuts.reduce(0, +)
      answers += cuts.count { $0 > 0 }
      if cuts.contains(where: { $0 > 0 }) { pairs.append(index) }
    }
    let longest = Percentiles(subject.tokenized.flatMap { [$0.chosenLength, $0.rejectedLength] })
    let share = percentText(lost, of: total)
    return LintMatches(
      answers: answers, of: 2 * subject.pairs.count, in: pairs,
      remark: "\(grouped(lost)) of the answers' \(grouped(total)) tokens (\(share)) are behind --max-length "
        + "\(grouped(subject.options.maxLength)); 90 % of the sides have at most \(grouped(longest.p90)) tokens, 99 % at most "
        + "\(grouped(longest.p99))"
    ) { index in
      let pair = subject.tokenized[index]
      return zip(["chosen", "rejected"], pair.sides).compactMap { name, side in
        let cut = subject.cutTokens(of: side)
        return cut > 0 ? "\(name) loses \(grouped(cut)) of \(counted(side.answerLength, "token"))" : nil
      }.joined(separator: ", ")
    }
  }
}

extension LintSubject {
  /// The tokens of an answer that were cut off. Where the beginning of a side is cut, it is the prompt that goes first.
  fileprivate func cutTokens(of side: TokenizedPair.Side) -> Int {
    let cut = side.length - side.ids.count
    return options.truncationMode == .keepStart
      ? min(cut, side.answerLength) : max(0, cut - (side.length - side.answerLength))
  }

  /// The tokens of an answer before the mark that ends it; nil where some of it is cut off.
  fileprivate func contentLength(of side: TokenizedPair.Side) -> Int? {
    guard !side.isTruncated, let last = side.targets.lastIndex(of: true) else { return nil }
    let start = (side.targets[...last].lastIndex(of: false) ?? -1) + 1
    return side.ids[start...last].prefix { !specialTokens.ids.contains($0) }.count
  }
}
