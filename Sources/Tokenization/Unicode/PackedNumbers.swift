/// The numbers in the string literals that Tools/generate_unicode_table.py writes.
///
/// Base 46, least digit first: digits "!" to "N", the last one of a number "O" to "|"; "~" stands for a quotation mark
/// and "}" for a backslash. A long string literal is cheap to compile, a long array literal is not.
struct PackedNumbers: Sequence, IteratorProtocol {
  private var text: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// Reads a string literal, which is never freed.
  init(_ text: StaticString) {
    self.text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  mutating func next() -> Int? {
    var value = 0
    var place = 1
    while position < text.count {
      let character = text[position]
      position += 1
      let byte = character == UInt8(ascii: "~") ? 0x22 : character == UInt8(ascii: "}") ? 0x5C : Int(character)
      let digit = byte - 33
      if digit >= 46 { return value + (digit - 46) * place }
      value += digit * place
      place *= 46
    }
    return nil
  }
}
