import Observability
import OrderedJSON

/// The state of what was examined, from best to worst.
package enum Verdict: String, Comparable, CaseIterable, Sendable {
  /// As it should be, or as well as this machine can.
  case ok
  /// It works, but slowly, or not in every way of running.
  case warning
  /// Something will not work.
  case problem

  package static func < (one: Verdict, other: Verdict) -> Bool {
    allCases.firstIndex(of: one) ?? 0 < allCases.firstIndex(of: other) ?? 0
  }

  /// The verdict as people read it.
  package var word: Phrase {
    switch self {
    case .ok: Phrase(en: rawValue, zh: "正常")
    case .warning: Phrase(en: rawValue, zh: "警告")
    case .problem: Phrase(en: rawValue, zh: "问题")
    }
  }
}

/// What `doctor` found in one check.
package struct Finding: Hashable, Sendable {
  /// A stable name of the check, such as `shared-memory`.
  package let check: String
  /// What was found.
  package let verdict: Verdict
  /// What was found, as a sentence without its full stop.
  package let text: Phrase
  /// What to do about it; nil where all is well.
  package let remedy: Phrase?
  /// The numbers, for programs.
  package let values: JSON.Object

  /// As it should be.
  package static func ok(_ check: String, _ text: Phrase, _ values: JSON.Object = [:]) -> Finding {
    Finding(check: check, verdict: .ok, text: text, remedy: nil, values: values)
  }

  /// It works, but not well.
  package static func warning(
    _ check: String, _ text: Phrase, remedy: Phrase, _ values: JSON.Object = [:]
  ) -> Finding {
    Finding(check: check, verdict: .warning, text: text, remedy: remedy, values: values)
  }

  /// It does not work.
  package static func problem(
    _ check: String, _ text: Phrase, remedy: Phrase, _ values: JSON.Object = [:]
  ) -> Finding {
    Finding(check: check, verdict: .problem, text: text, remedy: remedy, values: values)
  }

  /// The finding as an object; its words are English in every language, as programs look for them.
  package var json: JSON {
    var object: JSON.Object = [
      "check": .string(check), "verdict": .string(verdict.rawValue), "text": .string(text.en),
    ]
    if let remedy { object["remedy"] = .string(remedy.en) }
    if !values.isEmpty { object["values"] = .object(values) }
    return .object(object)
  }

  /// The finding as lines, in the language of this process's messages: the verdict, the text, and below it what to do.
  ///
  /// - Parameters:
  ///   - width: columns that no line exceeds, words permitting
  ///   - usesColor: whether the verdict is coloured
  package func lines(width: Int, usesColor: Bool, in language: MessageLanguage = .current) -> String {
    let indent = String(repeating: " ", count: 11)
    func block(_ text: String, _ first: String, _ others: String) -> String {
      let lines = TerminalText.wrapped(text, width: max(30, width - others.count)).split(separator: "\n")
      return first + lines.joined(separator: "\n" + others)
    }
    let color = verdict == .ok ? 32 : verdict == .warning ? 33 : 31
    let name = verdict.word[language]
    let word = name + String(repeating: " ", count: 9 - TerminalText.columns(name))
    let label = usesColor ? "  \u{1B}[\(color)m\(word)\u{1B}[0m" : "  " + word
    return
      ([block(text[language], label, indent)]
      + (remedy.map { [block($0[language], indent + "→ ", indent + "  ")] } ?? [])).joined(separator: "\n")
  }
}
