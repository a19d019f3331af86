extension Parser {
  /// A string, with the position on its opening quote. Most strings have no escape: those are one scan and one copy.
  mutating func string() throws(JSONError) -> String {
    let opening = position
    position += 1
    let start = position
    try scanPlain(openedAt: opening)
    if current == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try text(start..<position)
    }

    var result = try text(start..<position)
    while true {
      if current == UInt8(ascii: "\"") {
        position += 1
        return result
      }
      result.unicodeScalars.append(try escape())
      let start = position
      try scanPlain(openedAt: opening)
      if position > start { result += try text(start..<position) }
    }
  }

  /// Moves to the next quote or backslash.
  private mutating func scanPlain(openedAt opening: Int) throws(JSONError) {
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      if byte < 0x20 {
        throw error("expected an escape such as \\n for a control character in a string, found \(found)")
      }
      position += 1
    }
    throw error("expected a closing quote for the string that starts here", at: opening)
  }

  /// The bytes as text; strict about UTF-8.
  private func text(_ range: Range<Int>) throws(JSONError) -> String {
    let slice = UnsafeBufferPointer(rebasing: bytes[range])
    if let text = String(validating: slice, as: UTF8.self) { return text }
    var offset = 0
    var scalars = Unicode.UTF8.ForwardParser()
    var iterator = slice.makeIterator()
    while case .valid(let scalar) = scalars.parseScalar(from: &iterator) { offset += scalar.count }
    let byte = String(slice[min(offset, slice.count - 1)], radix: 16, uppercase: true)
    throw error("expected UTF-8, found the byte 0x\(byte)", at: range.lowerBound + offset)
  }

  /// An escape sequence, with the position on its backslash.
  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    let kind = current
    guard position < bytes.count else { throw error("expected an escape's letter, found \(found)") }
    position += 1
    switch kind {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default:
      position -= 1
      throw error("expected one of \" \\ / b f n r t u after a backslash, found \(found)")
    }

    let unit = try fourHexDigits()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    if unit < 0xDC00, current == UInt8(ascii: "\\"), position + 1 < bytes.count,
      bytes[position + 1] == UInt8(ascii: "u")
    {
      position += 2
      let low = try fourHexDigits()
      if (0xDC00...0xDFFF).contains(low),
        let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
      {
        return scalar
      }
    }
    throw error("expected both halves of a surrogate pair, found a lone \\u\(String(unit, radix: 16))", at: start)
  }

  private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch current {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = current - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = current - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = current - UInt8(ascii: "A") + 10
      default: throw error("expected four hexadecimal digits after \\u, found \(found)")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
