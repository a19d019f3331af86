import OrderedJSON

/// Finds a key that occurs twice in one object of a JSON text. A parser in which the last value wins does not show it.
enum DuplicateKeys {
  /// The first such key, or nil. The text must be valid JSON.
  static func first(in text: some Collection<UInt8>) -> String? {
    var open: [Set<ExactText>?] = []  // the keys of each enclosing object; nil for an array
    var position = text.startIndex
    while position < text.endIndex {
      switch text[position] {
      case UInt8(ascii: "{"): open.append([])
      case UInt8(ascii: "["): open.append(nil)
      case UInt8(ascii: "}"), UInt8(ascii: "]"): open.removeLast()
      case UInt8(ascii: "\""):
        let end = endOfString(at: position, in: text)
        if let depth = open.indices.last, open[depth] != nil, isKey(endingAt: end, in: text),
          let key = try? JSON(parsing: text[position..<end]).string,
          open[depth]?.insert(ExactText(key)).inserted == false
        {
          return key
        }
        position = end
        continue
      default: break
      }
      text.formIndex(after: &position)
    }
    return nil
  }

  /// The index after the closing quote of the string that opens at `start`.
  private static func endOfString<Text: Collection<UInt8>>(at start: Text.Index, in text: Text) -> Text.Index {
    var position = text.index(after: start)
    while position < text.endIndex {
      let byte = text[position]
      text.formIndex(after: &position)
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\"), position < text.endIndex { text.formIndex(after: &position) }
    }
    return position
  }

  /// Whether a colon follows.
  private static func isKey<Text: Collection<UInt8>>(endingAt end: Text.Index, in text: Text) -> Bool {
    let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    return text[end...].first { !spaces.contains($0) } == UInt8(ascii: ":")
  }
}
