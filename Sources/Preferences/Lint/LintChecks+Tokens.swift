import OrderedJSON

/// Control marks: those that stand where they should not, and those that are missing where an answer ends.
extension LintCheck {
  static let controlTokens = LintCheck(
    name: "control-tokens", severity: .warning, title: "a control token is spelled out in a text",
    advice:
      "The tokenizer makes the real token of it, which ends a turn or opens another within a message. Take the marks out "
      + "of the text; where they are meant to be read, write them differently."
  ) { subject in
    let found = parallelMap(count: subject.texts.count) { index -> (place: String, token: String)? in
      let texts = subject.texts[index]
      for (place, text) in [("prompt", texts.prompt), ("chosen", texts.chosen), ("rejected", texts.rejected)] {
        if let token = subject.specialTokens.first(in: text) { return (place, token) }
      }
      return nil
    }
    return LintMatches(found.indices.filter { found[$0] != nil }, of: subject) { index in
      guard let (place, token) = found[index] else { return "" }
      return "\(token) in \(place == "prompt" ? "the prompt" : "the \(place) answer")"
    }
  }

  static let lostEndTokens = LintCheck(
    name: "lost-end-tokens", severity: .warning, title: "answers that are learned without their end",
    advice:
      "What never ends in training does not stop in use. Raise --max-length or leave out what is longer; where the template "
      + "writes no end token, mend the template."
  ) { subject in
    var answers = 0
    var cut = 0
    var oneSided = 0
    var pairs: [Int] = []
    for (index, pair) in subject.tokenized.enumerated() where pair.dropReason == nil {
      let lost = pair.sides.map { subject.losesEnd($0) }
      let count = lost.count { $0 }
      guard count > 0 else { continue }
      pairs.append(index)
      answers += count
      oneSided += count == 1 ? 1 : 0
      cut += zip(pair.sides, lost).count { $0.isTruncated && $1 }
    }
    var remarks: [String] = []
    if answers > cut {
      remarks.append("\(grouped(answers - cut)) have none from the start: the template or the tokenizer writes none")
    }
    if oneSided > 0 {
      remarks.append(
        "in \(counted(oneSided, "pair")) only one side has its end, which is then part of what is compared")
    }
    let trained = subject.tokenized.count { $0.dropReason == nil }
    return LintMatches(
      answers: answers, of: 2 * trained, in: pairs, remark: remarks.isEmpty ? nil : remarks.joined(separator: "; ")
    ) { index in
      zip(["chosen", "rejected"], subject.tokenized[index].sides).filter { subject.losesEnd($1) }.map { name, side in
        side.isTruncated
          ? "the \(name) answer is cut \(counted(side.length - side.ids.count, "token")) before its end"
          : "the \(name) answer has no end token"
      }.joined(separator: "; ")
    }
  }
}

extension LintSubject {
  /// Whether no special token is among the last tokens of a side. What follows the mark, such as a line feed, is short.
  fileprivate func losesEnd(_ side: TokenizedPair.Side) -> Bool {
    if side.isTruncated && options.truncationMode == .keepStart { return true }
    return !side.ids.suffix(4).contains(where: specialTokens.ids.contains)
  }
}
