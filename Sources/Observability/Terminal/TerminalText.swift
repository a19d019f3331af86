/// Text as a terminal shows it: Chinese characters take two columns.
public enum TerminalText {
  /// The columns that a text without line feeds takes.
  public static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

  /// As much of the start of a text as fits into some columns.
  public static func prefix(_ text: String, columns limit: Int) -> String {
    var left = limit
    return String(
      text.prefix { character in
        left -= columns(character)
        return left >= 0
      })
  }

  /// 2 for what Unicode's East Asian Width (UAX #11) calls wide, 1 for everything else that is seen.
  static func columns(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F,
      0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
      0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return 2
    default:
      return scalar.properties.generalCategory == .nonspacingMark || scalar.properties.generalCategory == .format
        ? 0 : 1
    }
  }

  /// Prose broken into lines of at most `width` columns: at spaces, and between Chinese characters, but not before a closing
  /// mark, nor between a number and its unit. A longer word gets a line of its own.
  public static func wrapped(_ text: String, width: Int) -> String {
    var lines = [""]
    var used = 0
    for piece in pieces(of: text) {
      let space = piece.hasSpace && used > 0 ? 1 : 0
      let size = columns(piece.text)
      if used == 0 || used + space + size <= width {
        lines[lines.count - 1] += (space > 0 ? " " : "") + piece.text
        used += space + size
      } else {
        lines.append(piece.text)
        used = size
      }
    }
    return lines.joined(separator: "\n")
  }

  private typealias Piece = (text: String, hasSpace: Bool)

  /// What must not be broken, and whether a space stands before it.
  private static func pieces(of text: String) -> [Piece] {
    var pieces: [Piece] = []
    for word in text.split(separator: " ") {
      var hasSpace = true
      if let last = pieces.last?.text.last, last.isNumber, isUnit(word) {
        pieces[pieces.count - 1].text += " "
        hasSpace = false
      }
      for character in word {
        let isWide = columns(character) == 2
        let before = pieces.last?.text.last
        let joins =
          !hasSpace
          && (closing.contains(character) || before.map { opening.contains($0) } == true
            || (!isWide && before.map { columns($0) == 1 } == true))
        if joins {
          pieces[pieces.count - 1].text.append(character)
        } else {
          pieces.append((String(character), hasSpace))
        }
        hasSpace = false
      }
    }
    return pieces
  }

  private static let closing: Set<Character> = [
    "，", "。", "：", "；", "、", "！", "？", "）", "”", "》", ",", ".", ")", ":", ";",
  ]
  private static let opening: Set<Character> = ["（", "“", "《", "("]

  /// Whether a word belongs to the number before it: `71.9 %`, `5 min`, `1.5 GiB`.
  private static func isUnit(_ word: Substring) -> Bool {
    let bare = String(word.prefix { $0.isASCII && $0.isLetter || ["%", "/", "×"].contains($0) })
    return ["%", "s", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB", "GB/s", "MB", "×"].contains(bare)
  }
}
