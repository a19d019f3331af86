import OrderedJSON

/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on, as Jinja's own lexer does:
/// - the first line end after a block or comment is dropped, and so are blanks between a line's start and a block;
/// - a minus inside a tag's mark strips all white space on its side, a plus keeps what would be dropped;
/// - the template's last line end is dropped, and line ends of every kind become line feeds.
struct Lexer {
  let source: [Unicode.Scalar]
  var position = 0
  var line = 1
  /// Whether the last thing read ended with a line feed, so that the next starts a line.
  private var isAtLineStart = true
  var tokens: [Token] = []

  static func tokens(of source: String) throws(TemplateError) -> [Token] {
    var lexer = Lexer(source)
    try lexer.run()
    return lexer.tokens
  }

  private init(_ source: String) {
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(source.utf8.count)
    for scalar in source.unicodeScalars {
      if scalar == "\n", scalars.last == "\r" {
        scalars[scalars.count - 1] = "\n"
        continue
      }
      // A carriage return waits for its line feed; a lone one is changed when the next scalar comes.
      if scalars.last == "\r" { scalars[scalars.count - 1] = "\n" }
      scalars.append(scalar)
    }
    if scalars.last == "\r" { scalars[scalars.count - 1] = "\n" }
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
  }

  private mutating func run() throws(TemplateError) {
    while position < source.count {
      let start = position
      guard let tag = nextTag() else {
        addText(start..<source.count)
        position = source.count
        break
      }
      position = tag
      let kind = source[tag + 1]
      position += 2
      let sign = self.sign()
      let body = position
      position = tag
      addText(start..<tag, before: kind == "{" ? nil : sign, isMinus: sign == "-")
      position = body
      isAtLineStart = false
      switch kind {
      case "#": try comment()
      case "%": if skipRawBegin() { try raw() } else { try tokensOfTag(isBlock: true) }
      default: try tokensOfTag(isBlock: false)
      }
    }
    add(.end)
  }

  // MARK: Text

  /// The place of the next `{%`, `{{` or `{#`.
  private func nextTag() -> Int? {
    var index = position
    while index + 1 < source.count {
      if source[index] == "{", "%{#".unicodeScalars.contains(source[index + 1]) { return index }
      index += 1
    }
    return nil
  }

  /// A sign after an opening mark: `-`, `+` or, as the empty sign, a blank.
  private mutating func sign() -> Unicode.Scalar {
    guard position < source.count, source[position] == "-" || source[position] == "+" else { return " " }
    defer { position += 1 }
    return source[position]
  }

  /// Adds text; `sign` is that of the block or comment that follows, nil for a variable or the end.
  private mutating func addText(_ range: Range<Int>, before sign: Unicode.Scalar? = nil, isMinus: Bool = false) {
    var end = range.upperBound
    if isMinus {
      while end > range.lowerBound, source[end - 1].isPythonSpace { end -= 1 }
    } else if sign == " " {
      var start = end
      while start > range.lowerBound, source[start - 1] != "\n", source[start - 1].isPythonSpace { start -= 1 }
      let startsLine = start > range.lowerBound ? source[start - 1] == "\n" : isAtLineStart
      if startsLine { end = start }
    }
    if end > range.lowerBound { add(.data(text(range.lowerBound..<end))) }
    countLines(range)
  }

  private func text(_ range: Range<Int>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: source[range])
    return String(text)
  }

  private mutating func countLines(_ range: Range<Int>) {
    for index in range where source[index] == "\n" { line += 1 }
  }

  private mutating func add(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

  func error(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: line) }

  // MARK: Marks

  private func has(_ word: String, at index: Int) -> Bool {
    var index = index
    for scalar in word.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func skipWhiteSpace() {
    while position < source.count, source[position].isPythonSpace {
      if source[position] == "\n" { line += 1 }
      position += 1
    }
  }

  /// Moves past a closing mark, its sign and the white space that it strips.
  private mutating func skipEnd(_ mark: String, isBlock: Bool) -> Bool {
    if has("-" + mark, at: position) {
      position += 3
      skipWhiteSpace()
    } else if isBlock, has("+" + mark, at: position) {
      position += 3
    } else if has(mark, at: position) {
      position += 2
      if isBlock, has("\n", at: position) {
        position += 1
        line += 1
      }
    } else {
      return false
    }
    isAtLineStart = source[position - 1] == "\n"
    return true
  }

  private mutating func comment() throws(TemplateError) {
    let start = position
    while !has("#}", at: position) {
      guard position < source.count else { throw error("the comment that starts here has no end '#}'") }
      position += 1
    }
    if position > start, source[position - 1] == "-" || source[position - 1] == "+" { position -= 1 }
    countLines(start..<position)
    _ = skipEnd("#}", isBlock: true)
  }

  // MARK: Raw blocks

  /// Moves over `raw %}` or `raw -%}` if it is there; a raw block's start trims no line end.
  private mutating func skipRawBegin() -> Bool {
    let (start, startLine) = (position, line)
    skipWhiteSpace()
    if has("raw", at: position) {
      position += 3
      skipWhiteSpace()
      if has("-%}", at: position) { return skipEnd("%}", isBlock: false) }
      if has("%}", at: position) {
        position += 2
        return true
      }
    }
    (position, line) = (start, startLine)
    return false
  }

  private mutating func raw() throws(TemplateError) {
    let start = position
    var tag = position
    while tag < source.count {
      if has("{%", at: tag) {
        position = tag + 2
        let sign = self.sign()
        while position < source.count, source[position].isPythonSpace { position += 1 }
        if has("endraw", at: position) {
          position += 6
          while position < source.count, source[position].isPythonSpace { position += 1 }
          let mark = position
          if ["-%}", "+%}", "%}"].contains(where: { has($0, at: mark) }) {
            addText(start..<tag, before: sign, isMinus: sign == "-")
            countLines(tag..<mark)
            _ = skipEnd("%}", isBlock: true)
            return
          }
        }
      }
      tag += 1
    }
    throw error("the raw block that starts here has no {% endraw %}")
  }

  // MARK: Inside tags

  private mutating func tokensOfTag(isBlock: Bool) throws(TemplateError) {
    let startLine = line
    let mark = isBlock ? "%}" : "}}"
    var brackets: [Token.Symbol] = []
    add(isBlock ? .blockBegin : .variableBegin)
    while true {
      skipWhiteSpace()
      guard position < source.count else {
        throw TemplateError(.syntax, "the tag that starts here has no end '\(mark)'", line: startLine)
      }
      let lineOfEnd = line
      if brackets.isEmpty, skipEnd(mark, isBlock: isBlock) {
        tokens.append(Token(kind: isBlock ? .blockEnd : .variableEnd, line: lineOfEnd))
        return
      }
      let scalar = source[position]
      if scalar.isDecimalDigit {
        try number()
      } else if scalar.isWordScalar {
        try name()
      } else if scalar == "'" || scalar == "\"" {
        try string()
      } else if let symbol = Token.Symbol.allCases.first(where: { has($0.rawValue, at: position) }) {
        try balance(symbol, &brackets)
        position += symbol.rawValue.utf8.count
        add(.symbol(symbol))
      } else {
        throw error("unexpected character '\(scalar)'")
      }
    }
  }

  private func balance(_ symbol: Token.Symbol, _ brackets: inout [Token.Symbol]) throws(TemplateError) {
    switch symbol {
    case .leftBrace: brackets.append(.rightBrace)
    case .leftBracket: brackets.append(.rightBracket)
    case .leftParenthesis: brackets.append(.rightParenthesis)
    case .rightBrace, .rightBracket, .rightParenthesis:
      guard let expected = brackets.popLast() else { throw error("unexpected '\(symbol.rawValue)'") }
      guard expected == symbol else {
        throw error("unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'")
      }
    default: break
    }
  }

  private mutating func name() throws(TemplateError) {
    let start = position
    while position < source.count, source[position].isWordScalar { position += 1 }
    add(.name(text(start..<position)))
  }

  /// Digits, with single underscores between them.
  private mutating func digits(_ isDigit: (Unicode.Scalar) -> Bool) -> String {
    var digits = ""
    while position < source.count {
      if isDigit(source[position]) {
        digits.unicodeScalars.append(source[position])
        position += 1
      } else if source[position] == "_", !digits.isEmpty, position + 1 < source.count, isDigit(source[position + 1]) {
        position += 1
      } else {
        break
      }
    }
    return digits
  }

  private mutating func number() throws(TemplateError) {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2), ("0X", 16), ("0O", 8), ("0B", 2)]
    where has(prefix, at: position) {
      position += 2
      let digits = self.digits { $0.properties.isASCIIHexDigit && Int(String($0), radix: radix) != nil }
      guard let value = Int(digits, radix: radix) else { throw error("expected a number of at most 64 bits") }
      return add(.integer(value))
    }

    let start = position
    var text = digits(\.isDecimalDigit)
    var isInteger = true
    // After a dot, as in `a.0.1`, only integers are possible.
    if start > 0, source[start - 1] == "." { return add(.integer(Int(text) ?? 0)) }
    if has(".", at: position), position + 1 < source.count, source[position + 1].isDecimalDigit {
      isInteger = false
      position += 1
      text += "." + digits(\.isDecimalDigit)
    }
    if position < source.count, source[position] == "e" || source[position] == "E" {
      let start = position
      position += 1
      let exponentSign = self.sign()
      let exponent = digits(\.isDecimalDigit)
      if exponent.isEmpty {
        position = start
      } else {
        isInteger = false
        text += "e" + (exponentSign == "-" ? "-" : "") + exponent
      }
    }
    if isInteger {
      guard text.utf8.first != UInt8(ascii: "0") || text.utf8.allSatisfy({ $0 == UInt8(ascii: "0") }) else {
        throw error("expected no leading zero in \(text)")
      }
      if let value = LongInteger(text) { add(.longInteger(value)) } else { add(.integer(Int(text) ?? 0)) }
    } else {
      add(.float(Double(text) ?? .nan))
    }
  }
}

extension Unicode.Scalar {
  var isDecimalDigit: Bool { self >= "0" && self <= "9" }

  /// Whether it may be part of a name.
  fileprivate var isWordScalar: Bool {
    isASCII
      ? isDecimalDigit || (self >= "a" && self <= "z") || (self >= "A" && self <= "Z") || self == "_"
      : properties.isXIDContinue
  }
}
