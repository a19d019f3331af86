/// The pre-tokenization patterns in wide use, each as a scanner written by hand.
///
/// Each pattern matches at every position of every text, so a scanner only has to say where the word ends that starts
/// at a position. The comments quote the alternatives of the patterns in the order in which they are tried.
struct WordScanner: Sendable {
  private enum Style {
    case gpt2
    case cl100k(digits: Int)
    case o200k
  }

  private let style: Style
  private let letter: ClassMask
  private let number = CharacterClasses.number
  private let space = CharacterClasses.space
  /// `[^\s\p{L}\p{N}]`, or without `\p{M}` as well where marks count as letters.
  private let symbol: ClassMask
  private let upper = CharacterClasses.mask(of: [.Lu, .Lt, .Lm, .Lo, .Mn, .Mc, .Me])
  private let lower = CharacterClasses.mask(of: [.Ll, .Lm, .Lo, .Mn, .Mc, .Me])
  /// `[^\r\n\p{L}\p{N}]`, line breaks excepted.
  private let prefix = ~(CharacterClasses.letter | CharacterClasses.number)

  private init(_ style: Style, marksAreLetters: Bool = false) {
    self.style = style
    letter = CharacterClasses.letter | (marksAreLetters ? CharacterClasses.mark : 0)
    symbol = ~(CharacterClasses.space | letter | CharacterClasses.number)
  }

  /// GPT-2's pattern, the one that the `ByteLevel` pre-tokenizer has built in.
  static let gpt2 = WordScanner(.gpt2)

  /// The scanner for a pattern; nil if there is none.
  init?(pattern: String) {
    let tail = #"\s+(?!\S)|\s+"#
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    let lines = #"\s*[\r\n]+|"# + tail
    let cased =
      #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+\#(contractions)?|"#
      + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*\#(contractions)?|"#
    switch pattern {
    // GPT-2, and its two spellings.
    case #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|"# + tail,
      #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|"# + tail:
      self = .gpt2
    // Qwen2, Qwen2.5, Qwen3.
    case #"\#(contractions)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + lines:
      self.init(.cl100k(digits: 1))
    // Llama-3, GPT-4.
    case #"\#(contractions)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + lines:
      self.init(.cl100k(digits: 3))
    // Later Qwen models, which keep combining marks with their letters.
    case #"\#(contractions)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + lines:
      self.init(.cl100k(digits: 1), marksAreLetters: true)
    // GPT-4o and gpt-oss.
    case cased + #"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + lines:
      self.init(.o200k)
    default:
      return nil
    }
  }

  /// Appends the words of `text[start..<text.end]`.
  func scan(_ text: ClassifiedText, from start: Int, into spans: inout Spans) {
    var position = start
    switch style {
    case .gpt2:
      while position < text.end {
        let end = gpt2(text, position)
        spans.append(position, end)
        position = end
      }
    case .cl100k(let digits):
      while position < text.end {
        let end = cl100k(text, position, digits: digits)
        spans.append(position, end)
        position = end
      }
    case .o200k:
      while position < text.end {
        let end = o200k(text, position)
        spans.append(position, end)
        position = end
      }
    }
  }

  @inline(__always)
  private func gpt2(_ text: ClassifiedText, _ start: Int) -> Int {
    // 's|'t|'re|'ve|'m|'ll|'d
    if text.bytes[start] == UInt8(ascii: "'"), let end = contraction(text, start, ignoringCase: false) { return end }
    // ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+`
    var (bit, next) = text.classBit(at: start)
    if text.bytes[start] == UInt8(ascii: " "), next < text.end {
      let (following, after) = text.classBit(at: next)
      if following & space == 0 { (bit, next) = (following, after) }
    }
    if bit & letter != 0 { return text.endOfRun(of: letter, from: next) }
    if bit & number != 0 { return text.endOfRun(of: number, from: next) }
    if bit & symbol != 0 { return text.endOfRun(of: symbol, from: next) }
    return blank(text, start, stoppingAtLines: false)
  }

  @inline(__always)
  private func cl100k(_ text: ClassifiedText, _ start: Int, digits: Int) -> Int {
    // (?i:'s|'t|'re|'ve|'m|'ll|'d)
    let byte = text.bytes[start]
    if byte == UInt8(ascii: "'"), let end = contraction(text, start, ignoringCase: true) { return end }
    // `[^\r\n\p{L}\p{N}]?\p{L}+`
    let (bit, next) = text.classBit(at: start)
    if bit & letter != 0 { return text.endOfRun(of: letter, from: next) }
    if bit & number != 0 { return numerals(text, next, atMost: digits) }
    let (following, after) = text.classBit(at: next)
    if !isLineBreak(byte), following & letter != 0 { return text.endOfRun(of: letter, from: after) }
    // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
    if bit & symbol != 0 { return lineBreaks(text, text.endOfRun(of: symbol, from: next)) }
    if byte == UInt8(ascii: " "), following & symbol != 0 {
      return lineBreaks(text, text.endOfRun(of: symbol, from: after))
    }
    return blank(text, start, stoppingAtLines: true)
  }

  @inline(__always)
  private func o200k(_ text: ClassifiedText, _ start: Int) -> Int {
    let byte = text.bytes[start]
    let (bit, next) = text.classBit(at: start)
    let hasPrefix = bit & prefix != 0 && !isLineBreak(byte)
    // `[^\r\n\p{L}\p{N}]?[Lu Lt Lm Lo M]*[Ll Lm Lo M]+(contraction)?`, first with the prefix, then without,
    // `[^\r\n\p{L}\p{N}]?[Lu Lt Lm Lo M]+[Ll Lm Lo M]*(contraction)?` likewise.
    let word =
      (hasPrefix ? endingLow(text, next) : nil) ?? endingLow(text, start)
      ?? (hasPrefix ? startingHigh(text, next) : nil) ?? startingHigh(text, start)
    if let word {
      guard word < text.end, text.bytes[word] == UInt8(ascii: "'") else { return word }
      return contraction(text, word, ignoringCase: true) ?? word
    }
    if bit & number != 0 { return numerals(text, next, atMost: 3) }
    // ` ?[^\s\p{L}\p{N}]+[\r\n/]*`
    if bit & symbol != 0 { return lineBreaks(text, text.endOfRun(of: symbol, from: next), orSlashes: true) }
    if byte == UInt8(ascii: " ") {
      let (following, after) = text.classBit(at: next)
      if following & symbol != 0 {
        return lineBreaks(text, text.endOfRun(of: symbol, from: after), orSlashes: true)
      }
    }
    return blank(text, start, stoppingAtLines: true)
  }

  /// `[Lu Lt Lm Lo M]*[Ll Lm Lo M]+`. The first loop takes all it can, then gives back until the second finds
  /// something: the last scalar that belongs to both.
  @inline(__always)
  private func endingLow(_ text: ClassifiedText, _ start: Int) -> Int? {
    var position = start
    var lastShared: Int?
    while true {
      let (bit, next) = text.classBit(at: position)
      if bit & upper == 0 {
        if bit & lower != 0 { return text.endOfRun(of: lower, from: next) }
        return lastShared.map { text.endOfRun(of: lower, from: $0) }
      }
      if bit & lower != 0 { lastShared = position }
      position = next
    }
  }

  /// `[Lu Lt Lm Lo M]+[Ll Lm Lo M]*`.
  @inline(__always)
  private func startingHigh(_ text: ClassifiedText, _ start: Int) -> Int? {
    let end = text.endOfRun(of: upper, from: start)
    return end > start ? text.endOfRun(of: lower, from: end) : nil
  }

  /// `\p{N}{1,n}`, the first of which has been read.
  @inline(__always)
  private func numerals(_ text: ClassifiedText, _ position: Int, atMost limit: Int) -> Int {
    var position = position
    for _ in 1..<max(1, limit) {
      let (bit, next) = text.classBit(at: position)
      if bit & number == 0 { break }
      position = next
    }
    return position
  }

  /// The end of `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe.
  @inline(__always)
  private func contraction(_ text: ClassifiedText, _ start: Int, ignoringCase: Bool) -> Int? {
    let available = text.end - start
    guard available >= 2 else { return nil }
    let caseBit: UInt8 = ignoringCase ? 0x20 : 0
    let first = text.bytes[start + 1] | caseBit
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    default: break
    }
    guard available >= 3 else { return nil }
    let second = text.bytes[start + 2] | caseBit
    switch (first, second) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 3
    default: break
    }
    // U+017F, the long s, is an s when case does not matter.
    return ignoringCase && text.bytes[start + 1] == 0xC5 && text.bytes[start + 2] == 0xBF ? start + 3 : nil
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`, or without the first.
  @inline(__always)
  private func blank(_ text: ClassifiedText, _ start: Int, stoppingAtLines: Bool) -> Int {
    var position = start
    var last = start
    var afterLineBreak = start
    while true {
      let (bit, next) = text.classBit(at: position)
      if bit & space == 0 { break }
      if isLineBreak(text.bytes[position]) { afterLineBreak = next }
      last = position
      position = next
    }
    if stoppingAtLines, afterLineBreak > start { return afterLineBreak }
    // What follows takes the last blank for itself, where there are several.
    return position == text.end || last == start ? position : last
  }

  @inline(__always)
  private func lineBreaks(_ text: ClassifiedText, _ position: Int, orSlashes: Bool = false) -> Int {
    var position = position
    while position < text.end {
      let byte = text.bytes[position]
      guard isLineBreak(byte) || (orSlashes && byte == UInt8(ascii: "/")) else { break }
      position += 1
    }
    return position
  }

  @inline(__always)
  private func isLineBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
}
