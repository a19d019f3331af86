/// A line that is being written, and the place in it.
public struct EditedLine: Hashable, Sendable {
  /// The characters, as readers count them: each is one step of the cursor.
  public private(set) var characters: [Character] = []
  /// Characters before the cursor.
  public private(set) var cursor = 0
  /// What was cut last, for Ctrl-Y.
  private var cut: [Character] = []

  /// A line that is written already, the cursor at its end.
  public init(_ text: String = "") { replace(with: text) }

  /// The whole line.
  public var text: String { String(characters) }

  /// Puts another text in place, the cursor at its end.
  public mutating func replace(with text: String) {
    characters = Array(text)
    cursor = characters.count
  }

  /// Inserts a text at the cursor. A mark that combines with the character before it becomes one with it.
  public mutating func insert(_ text: String) {
    let before = Array(String(characters[..<cursor]) + Self.clean(text))
    characters = before + characters[cursor...]
    cursor = before.count
  }

  /// Does what a key means, where it changes the line.
  public mutating func apply(_ key: Key) {
    switch key {
    case .text(let text), .paste(let text): insert(text)
    case .backspace: remove(max(0, cursor - 1)..<cursor)
    case .delete, .endOfInput: remove(cursor..<min(characters.count, cursor + 1))
    case .left: cursor = max(0, cursor - 1)
    case .right: cursor = min(characters.count, cursor + 1)
    case .home: cursor = 0
    case .end: cursor = characters.count
    case .wordLeft: cursor = wordStart
    case .wordRight: cursor = wordEnd
    case .deleteWordLeft: cut(wordStart..<cursor)
    case .deleteWordRight: cut(cursor..<wordEnd)
    case .deleteToStart: cut(0..<cursor)
    case .deleteToEnd: cut(cursor..<characters.count)
    case .yank: insert(String(cut))
    case .enter, .tab, .up, .down, .clearScreen, .interrupt: break
    }
  }

  private mutating func remove(_ range: Range<Int>) {
    characters.removeSubrange(range)
    cursor = range.lowerBound
  }

  private mutating func cut(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    cut = Array(characters[range])
    remove(range)
  }

  /// The start of the word at the left, and the spaces between.
  private var wordStart: Int {
    var place = cursor
    while place > 0, characters[place - 1].isWhitespace { place -= 1 }
    while place > 0, !characters[place - 1].isWhitespace { place -= 1 }
    return place
  }

  private var wordEnd: Int {
    var place = cursor
    while place < characters.count, characters[place].isWhitespace { place += 1 }
    while place < characters.count, !characters[place].isWhitespace { place += 1 }
    return place
  }

  /// Tabs are spaces, ends of lines are line feeds, and other control characters are nothing.
  private static func clean(_ text: String) -> String {
    var result = ""
    for scalar in text.replacing("\r\n", with: "\n").unicodeScalars {
      switch scalar {
      case "\t": result += "  "
      case "\r": result += "\n"
      case "\n": result += "\n"
      case _ where scalar.properties.generalCategory == .control: break
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
