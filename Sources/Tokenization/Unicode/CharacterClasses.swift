/// The Unicode general categories, in the order in which `UnicodeTable.classes` numbers them.
enum GeneralCategory: UInt16, CaseIterable, Sendable {
  case Cn, Lu, Ll, Lt, Lm, Lo, Mn, Mc, Me, Nd, Nl, No, Pc, Pd, Ps, Pe, Pi, Pf, Po, Sm, Sc, Sk, So, Zs, Zl, Zp, Cc, Cf
  case Co, Cs
}

/// A set of character classes: bit c is set when class c of `CharacterClasses.table` belongs to it.
///
/// All scalars with the same properties share a class and there are at most 64 of them, so any union of properties is
/// one word, and membership one shift.
typealias ClassMask = UInt64

/// The character classes of all Unicode scalars, in one flat table that costs one load per character.
enum CharacterClasses {
  /// The class of every scalar from U+0000 to U+10FFFF.
  ///
  /// Created once, never written again and never freed: safe to read from any thread.
  nonisolated(unsafe) static let table: UnsafePointer<UInt8> = {
    let table = UnsafeMutablePointer<UInt8>.allocate(capacity: scalarCount)
    table.initialize(repeating: 0, count: scalarCount)
    var numbers = PackedNumbers(UnicodeTable.runs)
    var position = 0
    while let length = numbers.next(), let index = numbers.next() {
      let end = Swift.min(position + length, scalarCount)
      (table + position).update(repeating: UInt8(truncatingIfNeeded: index), count: end - position)
      position = end
    }
    return UnsafePointer(table)
  }()

  private static let scalarCount = 0x110000

  /// The classes whose properties satisfy a condition.
  private static func mask(where condition: (UInt16) -> Bool) -> ClassMask {
    UnicodeTable.classes.enumerated().reduce(0) { condition($1.element) ? $0 | 1 << UInt64($1.offset) : $0 }
  }

  /// The scalars of one general category.
  static func mask(of category: GeneralCategory) -> ClassMask { mask { $0 & 31 == category.rawValue } }

  /// The scalars of any of some general categories.
  static func mask(of categories: [GeneralCategory]) -> ClassMask { categories.reduce(0) { $0 | mask(of: $1) } }

  /// White space, `\s`.
  static let space = mask { $0 & 1 << 5 != 0 }
  /// Word characters of regular expressions, `\w`.
  static let word = mask { $0 & 1 << 6 != 0 }
  /// Characters next to which an added token with `single_word` does not match.
  static let singleWord = mask { $0 & 1 << 7 != 0 }
  /// What the `Digits` pre-tokenizer takes for a digit.
  static let numeric = mask { $0 & 1 << 8 != 0 }
  /// What the `Punctuation` pre-tokenizer takes for punctuation.
  static let punctuation = mask { $0 & 1 << 9 != 0 }
  /// What NFC neither changes nor composes with the character before.
  static let inert = mask { $0 & 1 << 10 != 0 }
  /// `\p{L}`.
  static let letter = mask(of: [.Lu, .Ll, .Lt, .Lm, .Lo])
  /// `\p{M}`.
  static let mark = mask(of: [.Mn, .Mc, .Me])
  /// `\p{N}`.
  static let number = mask(of: [.Nd, .Nl, .No])
}

/// A piece of valid UTF-8 and the classes to read it by.
struct ClassifiedText {
  let bytes: UnsafePointer<UInt8>
  let end: Int
  let classes: UnsafePointer<UInt8>

  /// Views `bytes[..<end]`, which must be valid UTF-8.
  @inline(__always)
  init(_ bytes: UnsafePointer<UInt8>, end: Int, classes: UnsafePointer<UInt8>) {
    self.bytes = bytes
    self.end = end
    self.classes = classes
  }

  /// The scalar at a position before `end`, and where the next one starts.
  @inline(__always)
  func scalar(at position: Int) -> (value: UInt32, next: Int) {
    let first = UInt32(bytes[position])
    if first < 0x80 { return (first, position + 1) }
    let second = UInt32(bytes[position + 1] & 0x3F)
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, position + 2) }
    let third = UInt32(bytes[position + 2] & 0x3F)
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, position + 3) }
    let fourth = UInt32(bytes[position + 3] & 0x3F)
    return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, position + 4)
  }

  /// The bit of the class of the scalar at a position and where the next one starts; no bit at all at the end.
  @inline(__always)
  func classBit(at position: Int) -> (bit: ClassMask, next: Int) {
    guard position < end else { return (0, position) }
    let (value, next) = scalar(at: position)
    return (1 << UInt64(classes[Int(value)]), next)
  }

  /// Where the longest run of scalars of some classes ends that starts at a position.
  @inline(__always)
  func endOfRun(of mask: ClassMask, from position: Int) -> Int {
    var position = position
    while true {
      let (bit, next) = classBit(at: position)
      if bit & mask == 0 { return position }
      position = next
    }
  }

  /// Where the scalar starts that ends at a position after `start`.
  @inline(__always)
  func start(ofScalarEndingAt position: Int) -> Int {
    var start = position - 1
    while bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
