import OrderedJSON

/// A text in all languages of the program, side by side: none can be forgotten, as the compiler asks for each.
public struct Phrase: Hashable, Sendable {
  /// The English text.
  public var en: String
  /// The Chinese text.
  public var zh: String

  /// A text in both languages.
  public init(en: String, zh: String) { (self.en, self.zh) = (en, zh) }

  /// A text that is the same in all languages: a number, a name, somebody's own words.
  public init(_ text: String) { (en, zh) = (text, text) }

  /// A text made for each language in turn.
  public init(_ text: (MessageLanguage) -> String) { (en, zh) = (text(.english), text(.chinese)) }

  /// The text in a language.
  public subscript(language: MessageLanguage) -> String { language == .chinese ? zh : en }

  /// The text in the language of this process's messages.
  public var text: String { self[.current] }

  /// One text after the other.
  public static func + (first: Phrase, second: Phrase) -> Phrase {
    Phrase(en: first.en + second.en, zh: first.zh + second.zh)
  }

  /// `{"en": …, "zh": …}`; a plain string where both are the same.
  public var json: JSON { en == zh ? .string(en) : ["en": .string(en), "zh": .string(zh)] }

  /// Reads what `json` wrote; nil where it is something else.
  public init?(_ json: JSON?) {
    if let text = json?.string {
      self.init(text)
    } else if let en = json?["en"]?.string, let zh = json?["zh"]?.string {
      self.init(en: en, zh: zh)
    } else {
      return nil
    }
  }
}

extension [Phrase] {
  /// Sentences one after the other: English ones with a space between them, which Chinese ones do without.
  public var joinedSentences: Phrase {
    Phrase(en: map(\.en).joined(separator: " "), zh: map(\.zh).joined())
  }
}
