/// A text as the runs of three words in it, by hash: what two versions of a text share although they differ.
///
/// A word is a run of letters and digits; an ideograph or a kana is a word of its own, and so is a sign that may be an
/// operator. Case (of ASCII letters), spaces and punctuation do not count.
struct Shingles: Sendable {
  /// The words in a run.
  private static let size = 3

  /// The hashes of the runs, in order; of a shorter text, of the whole.
  private(set) var hashes: [UInt64] = []
  /// A hash of the numbers in the text, in order.
  private(set) var numbers: UInt64 = 0

  /// The runs of a text.
  init(of text: String) {
    var words: [UInt64] = []
    var word: UInt64 = 0
    var isNumber = true
    func closeWord() {
      if word == 0 { return }
      words.append(word)
      if isNumber { numbers = SeededGenerator.mix(numbers ^ word) }
      word = 0
      isNumber = true
    }
    for scalar in text.unicodeScalars {
      switch WordClass(of: scalar.value) {
      case .letter, .digit:
        let value = (0x41...0x5A).contains(scalar.value) ? scalar.value + 32 : scalar.value
        if WordClass(of: scalar.value) != .digit { isNumber = false }
        word = SeededGenerator.mix(word &+ UInt64(value) &+ 1)
      case .alone:
        closeWord()
        words.append(SeededGenerator.mix(UInt64(scalar.value) &+ 1))
      case .between:
        closeWord()
      }
    }
    closeWord()
    if words.count < Self.size {
      hashes = [words.reduce(0) { SeededGenerator.mix($0 ^ $1) }]
      return
    }
    hashes.reserveCapacity(words.count)
    for start in 0...(words.count - Self.size) {
      hashes.append(words[start..<start + Self.size].reduce(0) { SeededGenerator.mix($0 ^ $1) })
    }
  }

  /// The share of the runs of both texts that both have (Jaccard).
  func resemblance(to other: Shingles) -> Double {
    let (own, others) = (Set(hashes), Set(other.hashes))
    let shared = own.intersection(others).count
    return Double(shared) / Double(own.count + others.count - shared)
  }
}

/// What a character is to a word.
private enum WordClass {
  case letter, digit, alone, between

  init(of scalar: UInt32) {
    switch scalar {
    case 0x30...0x39: self = .digit
    case 0x41...0x5A, 0x61...0x7A: self = .letter
    case 0x25, 0x26, 0x2B, 0x2F, 0x3C...0x3E, 0x40, 0x5E: self = .alone  // % & + / < = > @ ^
    case ..<0xAA, 0x2000...0x206F, 0x3000...0x303F, 0xFE30...0xFE4F, 0xFF00...0xFF0F, 0xFF1A...0xFF20, 0xFF3B...0xFF40,
      0xFF5B...0xFF65:
      self = .between
    case 0x3040...0x30FF, 0x3400...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: self = .alone
    default: self = .letter
    }
  }
}
