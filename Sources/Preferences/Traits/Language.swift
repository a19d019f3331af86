/// The language of a text as far as its letters tell it. One script is one language here, except that Han and kana tell
/// Chinese from Japanese: English and French are both `latin`.
public enum Language: String, CaseIterable, Hashable, Sendable, Codable {
  /// Han characters without kana.
  case chinese = "zh"
  /// Kana, with or without Han characters.
  case japanese = "ja"
  /// Hangul.
  case korean = "ko"
  /// Any language in Latin letters.
  case latin
  /// Any language in Cyrillic letters.
  case cyrillic
  /// Any language in Arabic letters.
  case arabic
  /// Greek letters.
  case greek
  /// Hebrew letters.
  case hebrew
  /// Devanagari, as Hindi has it.
  case devanagari
  /// Thai letters.
  case thai
  /// Another script, or too few letters to tell.
  case other

  /// The language that most words of a text are in.
  ///
  /// A Han character counts as a word, a kana or a Hangul syllable as half of one, other letters as a sixth: an English
  /// word with its space is about six characters long. So a Chinese text with some English words in it is Chinese. Digits
  /// and punctuation do not count, nor do code blocks and code spans of Markdown, addresses of the web, and words that
  /// stand beside the signs of a program or a formula (`print(`, `max_length`, `\frac`). A text with less than
  /// half a word is `other`.
  public init(of text: String) {
    self = Self.language(of: LetterWeights(of: text))
  }

  private static func language(of weights: LetterWeights) -> Language {
    // Japanese is written in Han characters and kana; a Chinese text that quotes a kana has very few of them.
    let kana = weights[.kana]
    let isJapanese = kana > 0 && kana * 6 >= weights[.han]
    let east = weights[.han] + kana
    var best: (language: Language, weight: Int) = (isJapanese ? .japanese : .chinese, east)
    for (script, language) in Self.others where weights[script] > best.weight { best = (language, weights[script]) }
    return best.weight >= LetterWeights.word / 2 ? best.language : .other
  }

  private static let others: [(LetterWeights.Script, Language)] = [
    (.hangul, .korean), (.latin, .latin), (.cyrillic, .cyrillic), (.arabic, .arabic), (.greek, .greek),
    (.hebrew, .hebrew), (.devanagari, .devanagari), (.thai, .thai), (.unknown, .other),
  ]
}

/// How much of a text is in each script, in sixths of a word.
struct LetterWeights {
  enum Script: Int, CaseIterable {
    case han, kana, hangul, latin, cyrillic, arabic, greek, hebrew, devanagari, thai, unknown
  }

  static let word = 6
  private var weights = [Int](repeating: 0, count: Script.allCases.count)

  subscript(script: Script) -> Int { weights[script.rawValue] }

  init(of text: String) {
    let prose = Prose.scalars(of: text)
    var position = 0
    while position < prose.count {
      guard let script = Self.script(of: prose[position]) else {
        position += 1
        continue
      }
      var end = position + 1
      if script == .latin {
        while end < prose.count, Self.script(of: prose[end]) == .latin { end += 1 }
        if Prose.isSign(before: position, in: prose) || Prose.isSign(after: end, in: prose) {
          position = end
          continue
        }
      }
      weights[script.rawValue] += (end - position) * Self.weight(of: script)
      position = end
    }
  }

  private static func weight(of script: Script) -> Int {
    switch script {
    case .han: word
    case .kana, .hangul: word / 2
    default: 1
    }
  }

  /// The script of a letter, by the blocks of Unicode; nil for what is no letter.
  private static func script(of scalar: Unicode.Scalar) -> Script? {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A: .latin
    case 0..<0xC0: nil
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0xF900...0xFAFF, 0x20000...0x3FFFF: .han
    case 0x3041...0x309F, 0x30A1...0x30FA, 0x30FC...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9D: .kana
    case 0xAC00...0xD7A3, 0x1100...0x11FF, 0x3131...0x318E: .hangul
    case 0xD7, 0xF7: nil
    case 0xC0...0x24F, 0x1E00...0x1EFF, 0xFF21...0xFF3A, 0xFF41...0xFF5A: .latin
    case 0x370...0x3FF, 0x1F00...0x1FFF: scalar.properties.isAlphabetic ? .greek : nil
    case 0x400...0x52F: .cyrillic
    case 0x5D0...0x5EA: .hebrew
    case 0x620...0x64A, 0x66E...0x6D3, 0x750...0x77F, 0xFB50...0xFDFB, 0xFE70...0xFEFC: .arabic
    case 0x900...0x97F: scalar.properties.isAlphabetic ? .devanagari : nil
    case 0xE01...0xE3A, 0xE40...0xE4E: .thai
    default: scalar.properties.isAlphabetic ? .unknown : nil
    }
  }
}

/// A text without its code.
private enum Prose {
  /// The scalars outside of code blocks (between lines of three backticks), code spans (between backticks on a line) and
  /// web addresses.
  static func scalars(of text: String) -> [Unicode.Scalar] {
    let all = Array(text.unicodeScalars)
    var prose: [Unicode.Scalar] = []
    prose.reserveCapacity(all.count)
    var position = 0
    while position < all.count {
      if all[position] == "`" {
        var ticks = 1
        while position + ticks < all.count, all[position + ticks] == "`" { ticks += 1 }
        position = closing(ticks, after: position + ticks, in: all)
        prose.append(" ")
      } else if isAddress(at: position, in: all) {
        while position < all.count, all[position].value < 0x80, !all[position].properties.isWhitespace { position += 1 }
        prose.append(" ")
      } else {
        prose.append(all[position])
        position += 1
      }
    }
    return prose
  }

  /// Where the text goes on after code that began with so many backticks. A block without an end reaches to the end of
  /// the text, as in Markdown; a lone backtick that nothing on its line closes begins no code.
  private static func closing(_ ticks: Int, after start: Int, in all: [Unicode.Scalar]) -> Int {
    var run = 0
    var position = start
    while position < all.count {
      if all[position] == "`" {
        run += 1
        let isLast = position + 1 == all.count || all[position + 1] != "`"
        if run == ticks && isLast { return position + 1 }
      } else {
        run = 0
        if ticks < 3, all[position] == "\n" { return start }
      }
      position += 1
    }
    return ticks < 3 ? start : all.count
  }

  private static func isAddress(at position: Int, in all: [Unicode.Scalar]) -> Bool {
    guard all[position] == "h" || all[position] == "w" else { return false }
    return ["http://", "https://", "www."].contains { all[position...].starts(with: $0.unicodeScalars) }
  }

  /// Whether the word that begins here belongs to a program or a formula, by what stands before it.
  static func isSign(before position: Int, in prose: [Unicode.Scalar]) -> Bool {
    position > 0 && (isDigit(prose[position - 1]) || "\\_<@#$".unicodeScalars.contains(prose[position - 1]))
  }

  /// Whether the word that ends here belongs to a program or a formula, by what follows it.
  static func isSign(after end: Int, in prose: [Unicode.Scalar]) -> Bool {
    end < prose.count && (isDigit(prose[end]) || "_(={[<>\\^".unicodeScalars.contains(prose[end]))
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }
}
