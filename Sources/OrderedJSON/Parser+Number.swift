extension Parser {
  /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`. As in Python, a fraction or an exponent makes a double, and
  /// integers have any length.
  mutating func number() throws(JSONError) -> JSON {
    let start = position
    let isNegative = current == UInt8(ascii: "-")
    if isNegative { position += 1 }

    let firstDigit = position
    var magnitude: UInt = 0
    var fits = true
    while isDigit {
      if position > firstDigit, bytes[firstDigit] == UInt8(ascii: "0") {
        throw error("expected no digit after a leading zero, found \(found)")
      }
      let (product, overflow1) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = product.addingReportingOverflow(UInt(bytes[position] & 0x0F))
      magnitude = sum
      if overflow1 || overflow2 { fits = false }
      position += 1
    }
    guard position > firstDigit else { throw error("expected a digit, found \(found)") }

    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits(after: "the decimal point")
    }
    if current | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits(after: "the exponent's mark")
    }

    if isInteger, fits {
      if !isNegative, magnitude <= UInt(Int.max) { return .integer(Int(magnitude)) }
      if isNegative, magnitude <= UInt(Int.max) + 1 { return .integer(Int(truncatingIfNeeded: 0 &- magnitude)) }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = LongInteger(text) { return .longInteger(integer) }
    guard let double = Double(text) else { throw error("expected a number", at: start) }
    return .number(double)
  }

  @inline(__always)
  private var isDigit: Bool { current &- UInt8(ascii: "0") < 10 }

  private mutating func digits(after place: String) throws(JSONError) {
    guard isDigit else { throw error("expected a digit after \(place), found \(found)") }
    while isDigit { position += 1 }
  }
}
