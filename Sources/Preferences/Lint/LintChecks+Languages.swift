/// Answers in another language than their prompt.
extension LintCheck {
  static let otherLanguage = LintCheck(
    name: "other-language", severity: .warning, title: "the chosen answer is in another language than its prompt",
    advice: "The model learns to change the language. Look at them, and remove those that no one asked for."
  ) { subject in
    let languages = parallelMap(count: subject.pairs.count) { subject.unexpectedLanguage(of: $0) }
    let pairs = languages.indices.filter { languages[$0] != nil }
    // The clearest come first: there the change is the difference that is learned.
    let taught = pairs.count { languages[$0]?.rejected == languages[$0]?.prompt }
    let remark =
      taught == 0
      ? nil
      : "in \(grouped(taught)) of them the rejected answer is in the language of the prompt, so that the change is preferred"
    return LintMatches(pairs, of: subject, remark: remark) { index in
      guard let found = languages[index] else { return "" }
      return "prompt \(found.prompt.rawValue), chosen \(found.chosen.rawValue), rejected \(found.rejected.rawValue): "
        + excerpt(subject.texts[index].chosen)
    }
  }

  /// Words with which a prompt asks for a language.
  fileprivate static let languageRequests = [
    "translat", "english", "chinese", "mandarin", "japanese", "korean", "french", "german", "spanish", "russian",
    "翻译", "译成", "译为", "英文", "英语", "英译", "中文", "汉语", "中译", "日文", "日语", "韩语", "法语", "德语", "俄语", "西班牙语",
  ].map { Array($0.utf8) }
}

extension LintSubject {
  /// The languages of a pair whose chosen answer is in a language of which the prompt has nothing, and which it does not
  /// ask for; nil for other pairs.
  fileprivate func unexpectedLanguage(of index: Int) -> (prompt: Language, chosen: Language, rejected: Language)? {
    let pair = tokenized[index]
    let (prompt, chosen) = (pair.promptLanguage, pair.answerLanguage)
    guard prompt != .other, chosen != .other, prompt != chosen else { return nil }
    let text = texts[index].prompt
    // Quoted text, an example or a passage to work on, tells of a task between languages.
    let lines = text.split(whereSeparator: \.isNewline)
    if lines.contains(where: { Language(of: String($0)) == chosen }) { return nil }
    let words = Array(text.lowercased().utf8)
    if LintCheck.languageRequests.contains(where: { words.firstRange(of: $0) != nil }) { return nil }
    return (prompt, chosen, Language(of: texts[index].rejected))
  }
}
