/// The language of the launcher's messages.
public enum LaunchLanguage: String, Hashable, Sendable, CaseIterable {
  /// English.
  case english = "en"
  /// Simplified Chinese.
  case chinese = "zh"

  /// The variable by which workers, and all that they start, learn the launcher's language.
  package static let variable = "MINIMIND_DPO_LANG"
}

/// A message of the launcher in both languages, side by side. The launcher builds without the program's other parts, and so
/// has this small type of its own.
struct Wording: Hashable, Sendable {
  var en: String
  var zh: String

  init(en: String, zh: String) { (self.en, self.zh) = (en, zh) }

  /// A text that is the same in both: a name, or an error's own words, which are English.
  init(_ text: String) { (en, zh) = (text, text) }

  subscript(language: LaunchLanguage) -> String { language == .chinese ? zh : en }

  static func + (first: Wording, second: Wording) -> Wording {
    Wording(en: first.en + second.en, zh: first.zh + second.zh)
  }
}
