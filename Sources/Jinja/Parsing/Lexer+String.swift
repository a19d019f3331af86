extension Lexer {
  /// A string in quotes, with Python's escapes.
  mutating func string() throws(TemplateError) {
    let startLine = line
    let quote = source[position]
    position += 1
    var text = String.UnicodeScalarView()
    while true {
      guard position < source.count else {
        throw TemplateError(.syntax, "the string that starts here has no closing quote", line: startLine)
      }
      let scalar = source[position]
      position += 1
      if scalar == quote { break }
      if scalar == "\n" { line += 1 }
      if scalar == "\\" { try escape(into: &text) } else { text.append(scalar) }
    }
    tokens.append(Token(kind: .string(String(text)), line: startLine))
  }

  private mutating func escape(into text: inout String.UnicodeScalarView) throws(TemplateError) {
    guard position < source.count else { return }  // the caller finds the missing quote
    let kind = source[position]
    position += 1
    switch kind {
    case "\n": line += 1  // a line end after a backslash is no part of the string
    case "\\", "'", "\"": text.append(kind)
    case "a": text.append("\u{7}")
    case "b": text.append("\u{8}")
    case "f": text.append("\u{C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{B}")
    case "x": text.append(try codePoint(digits: 2))
    case "u": text.append(try codePoint(digits: 4))
    case "U": text.append(try codePoint(digits: 8))
    case "N": throw TemplateError(.unsupported, "the escape \\N{…} in a string is not supported", line: line)
    case "0"..."7":
      var value = kind.value - 0x30
      var count = 1
      while count < 3, position < source.count, ("0"..."7").contains(source[position]) {
        value = value * 8 + source[position].value - 0x30
        position += 1
        count += 1
      }
      if let scalar = Unicode.Scalar(value) { text.append(scalar) }
    default:  // as in Python, an unknown escape is kept
      text.append("\\")
      text.append(kind)
    }
  }

  private mutating func codePoint(digits: Int) throws(TemplateError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard position < source.count, let digit = source[position].hexDigitValue, value < 0x1000_0000 else {
        throw error("expected \(digits) hexadecimal digits in the string's escape")
      }
      value = value << 4 | digit
      position += 1
    }
    guard let scalar = Unicode.Scalar(value) else { throw error("expected a Unicode scalar in the string's escape") }
    return scalar
  }
}

extension Unicode.Scalar {
  fileprivate var hexDigitValue: UInt32? {
    switch self {
    case "0"..."9": value - 0x30
    case "a"..."f": value - 0x61 + 10
    case "A"..."F": value - 0x41 + 10
    default: nil
    }
  }
}
