extension JSON {
  /// Arrays and objects nested deeper than this are refused, so that hostile input cannot overflow the stack.
  public static let maximumDepth = 512

  /// Reads one JSON value from UTF-8 bytes, accepting what Python's `json.loads` accepts: white space around it,
  /// a byte order mark, `NaN`, `Infinity` and `-Infinity`; control characters in strings are refused.
  ///
  /// Unlike Python, half a surrogate pair (`"\ud83d"`) is refused: it is not text, and no tokenizer could encode it.
  /// - Throws: `JSONError` with line, column, byte offset and what was expected.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    let parsed = bytes.withContiguousStorageIfAvailable { buffer in
      Result { () throws(JSONError) in try Self.parse(buffer) }
    }
    guard let result = parsed else {
      self = try JSON(parsing: ContiguousArray(bytes))
      return
    }
    self = try result.get()
  }

  /// Reads one JSON value from a string; see `init(parsing:)` for bytes.
  /// - Throws: `JSONError` with line, column, byte offset and what was expected.
  public init(parsing text: String) throws(JSONError) {
    var text = text
    let result = text.withUTF8 { buffer in Result { () throws(JSONError) in try Self.parse(buffer) } }
    self = try result.get()
  }

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSON {
    var parser = Parser(bytes)
    return try parser.document()
  }
}

/// A recursive-descent parser over bytes. A byte past the end reads as 0, which no rule of the grammar accepts, so the end
/// needs no checks of its own.
struct Parser {
  let bytes: UnsafeBufferPointer<UInt8>
  var position = 0
  private var depth = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }  // a byte order mark
  }

  /// The byte at the position, or 0 at the end.
  var current: UInt8 {
    @inline(__always) get { position < bytes.count ? bytes[position] : 0 }
  }

  func error(_ message: String, at offset: Int? = nil) -> JSONError {
    JSONError(message, at: offset ?? position, in: bytes)
  }

  /// Names the thing at the position for an error message.
  var found: String {
    guard position < bytes.count else { return "the end of the text" }
    let scalar = String(decoding: bytes[position...].prefix(4), as: UTF8.self).unicodeScalars.first
    guard let scalar, scalar != "\u{FFFD}", current >= 0x20 else {
      return "the byte 0x" + String(current, radix: 16, uppercase: true)
    }
    return "'\(scalar)'"
  }

  mutating func document() throws(JSONError) -> JSON {
    skipWhiteSpace()
    let value = try value()
    skipWhiteSpace()
    guard position == bytes.count else {
      throw error("expected the end of the text after the value, found \(found)")
    }
    return value
  }

  private mutating func value() throws(JSONError) -> JSON {
    switch current {
    case UInt8(ascii: "\""):
      return .string(try string())
    case UInt8(ascii: "{"):
      return .object(try nested { (parser) throws(JSONError) in try parser.object() })
    case UInt8(ascii: "["):
      return .array(try nested { (parser) throws(JSONError) in try parser.array() })
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      return try number()
    case UInt8(ascii: "-"):
      return skip("-Infinity") ? .number(-.infinity) : try number()
    case UInt8(ascii: "t") where skip("true"):
      return .bool(true)
    case UInt8(ascii: "f") where skip("false"):
      return .bool(false)
    case UInt8(ascii: "n") where skip("null"):
      return .null
    case UInt8(ascii: "N") where skip("NaN"):
      return .number(.nan)
    case UInt8(ascii: "I") where skip("Infinity"):
      return .number(.infinity)
    default:
      throw error("expected a value (object, array, string, number, true, false or null), found \(found)")
    }
  }

  private mutating func nested<T>(_ body: (inout Parser) throws(JSONError) -> T) throws(JSONError) -> T {
    depth += 1
    guard depth <= JSON.maximumDepth else {
      throw error("expected at most \(JSON.maximumDepth) levels of nesting")
    }
    let result = try body(&self)
    depth -= 1
    return result
  }

  private mutating func array() throws(JSONError) -> [JSON] {
    var elements: [JSON] = []
    position += 1
    skipWhiteSpace()
    if skip(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value())
      skipWhiteSpace()
      if skip(UInt8(ascii: "]")) { return elements }
      guard skip(UInt8(ascii: ",")) else { throw error("expected ',' or ']' after an array's element, found \(found)") }
      skipWhiteSpace()
    }
  }

  private mutating func object() throws(JSONError) -> JSON.Object {
    var members: JSON.Object = [:]
    position += 1
    skipWhiteSpace()
    if skip(UInt8(ascii: "}")) { return members }
    while true {
      guard current == UInt8(ascii: "\"") else { throw error("expected an object's key in quotes, found \(found)") }
      let key = try string()
      skipWhiteSpace()
      guard skip(UInt8(ascii: ":")) else { throw error("expected ':' after an object's key, found \(found)") }
      skipWhiteSpace()
      members[key] = try value()
      skipWhiteSpace()
      if skip(UInt8(ascii: "}")) { return members }
      guard skip(UInt8(ascii: ",")) else { throw error("expected ',' or '}' after an object's member, found \(found)") }
      skipWhiteSpace()
    }
  }

  @inline(__always)
  private mutating func skipWhiteSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  @inline(__always)
  private mutating func skip(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func skip(_ word: StaticString) -> Bool {
    word.withUTF8Buffer { word in
      guard bytes[position...].starts(with: word) else { return false }
      position += word.count
      return true
    }
  }
}
