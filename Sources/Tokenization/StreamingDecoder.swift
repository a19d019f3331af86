/// Decodes ids one at a time: its results, joined, are what `Tokenizer.decode` returns for all ids.
///
/// A character whose bytes are spread over several tokens is held back until it is whole.
/// ```swift
/// var decoder = tokenizer.streamingDecoder()
/// for id in ids { print(decoder.append(id), terminator: "") }
/// print(decoder.finish())
/// ```
public struct StreamingDecoder: Sendable {
  private let decoder: TokenDecoder
  private let skipsSpecialTokens: Bool
  private var pending: [UInt8] = []
  private var isFirst = true

  init(_ decoder: TokenDecoder, skipSpecialTokens: Bool) {
    self.decoder = decoder
    skipsSpecialTokens = skipSpecialTokens
  }

  /// Takes the next id; returns the characters that became whole, perhaps none. Ids without a token are ignored.
  public mutating func append(_ id: Int32) -> String {
    guard let token = decoder.bytes(of: id, skipSpecialTokens: skipsSpecialTokens) else { return "" }
    if !isFirst { pending.append(contentsOf: decoder.separator) }
    isFirst = false
    pending.append(contentsOf: token)
    let held = Self.unfinishedSuffix(of: pending)
    let text = String(decoding: pending.dropLast(held), as: UTF8.self)
    pending.removeFirst(pending.count - held)
    return text
  }

  /// Ends the text: U+FFFD for the beginning of a character that was never completed, or nothing. The decoder can then be
  /// used for another text.
  public mutating func finish() -> String {
    defer {
      pending.removeAll()
      isFirst = true
    }
    return String(decoding: pending, as: UTF8.self)
  }

  /// The number of bytes at the end that further bytes could complete to one character.
  private static func unfinishedSuffix(of bytes: [UInt8]) -> Int {
    // The first byte of the last character is among the last three, or the character is complete or broken.
    for count in 1...3 where count <= bytes.count {
      let first = bytes[bytes.count - count]
      if first & 0xC0 == 0x80 { continue }
      let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
      guard first >= 0xC2, first <= 0xF4, count < length else { return 0 }
      // Some second bytes can never follow: overlong forms, surrogates, beyond U+10FFFF.
      if count > 1 {
        let second = bytes[bytes.count - count + 1]
        switch first {
        case 0xE0 where second < 0xA0, 0xED where second > 0x9F, 0xF0 where second < 0x90, 0xF4 where second > 0x8F:
          return 0
        default: break
        }
      }
      return count
    }
    return 0
  }
}
