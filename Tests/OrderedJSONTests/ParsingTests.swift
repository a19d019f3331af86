import OrderedJSON
import Testing

@Suite("Parsing") struct ParsingTests {
  @Test("Values of every kind are read, and keys keep their order")
  func kinds() throws {
    let json = try JSON(parsing: #" {"z": [1, -2.5, true, false, null], "a": {"é": "x"}, "": []} "#)
    #expect(json == ["z": [1, -2.5, true, false, .null], "a": ["é": "x"], "": []])
    #expect(json.object?.keys == ["z", "a", ""])
    #expect(json["z"]?[1]?.double == -2.5)
    #expect(json["z"]?[0]?.int == 1)
    #expect(json["z"]?[9] == nil)
    #expect(json["b"] == nil)
  }

  @Test("Values are equal when their texts are")
  func equality() {
    #expect(JSON.string("e\u{301}") != JSON.string("é"))
    #expect(JSON.string("é") == JSON.string("é"))
    #expect(JSON.integer(1) != JSON.number(1))
    #expect(["a": 1, "b": 2] as JSON != ["b": 2, "a": 1] as JSON)
    #expect(Set<JSON>([1, 1, "a", "a", [1], [1]]).count == 3)
  }

  @Test("Of duplicate keys the last value wins at the place of the first, as in Python")
  func duplicateKeys() throws {
    #expect(try JSON(parsing: #"{"a":1,"b":2,"a":3}"#).serialized() == #"{"a":3,"b":2}"#)
  }

  @Test(
    "Numbers are read as Python reads them",
    arguments: [
      ("0", JSON.integer(0)), ("-0", .integer(0)), ("-0.0", .number(-0.0)), ("1e5", .number(100000)),
      ("1E+2", .number(100)), ("12e-1", .number(1.2)), ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("18446744073709551616.0", .number(18446744073709551616)),
      ("-1e29", .number(-1e29)), ("1e999", .number(.infinity)),
      ("Infinity", .number(.infinity)), ("-Infinity", .number(-.infinity)), ("0.1", .number(0.1)),
    ])
  func numbers(text: String, expected: JSON) throws {
    let json = try JSON(parsing: text)
    #expect(json == expected)
    if case .number(let value) = json { #expect(value.sign == expected.double?.sign) }
  }

  @Test(
    "Integers beyond 64 bits keep every digit",
    arguments: [
      "9223372036854775808", "18446744073709551615", "-9223372036854775809", "123456789012345678901234567890",
      "-1" + String(repeating: "0", count: 400), String(repeating: "9", count: 5000),
    ])
  func longIntegers(text: String) throws {
    let json = try JSON(parsing: text)
    #expect(json == .longInteger(try #require(LongInteger(text))))
    #expect(json.serialized() == text)
    #expect(json.int == nil)
    #expect(json.double == Double(text))
    #expect(try JSON(parsing: "[\(text),\n0]").serialized(.python) == "[\(text), 0]")
  }

  @Test("An integer has one representation, long or not")
  func oneRepresentation() throws {
    for text in [
      "9223372036854775807", "-9223372036854775808", "0", "-0", "", "-", "1.5", "1e30", "+9223372036854775808", "٣",
    ] {
      #expect(LongInteger(text) == nil)
    }
    #expect(LongInteger("0009223372036854775808")?.description == "9223372036854775808")
  }

  @Test("Long integers are ordered as numbers")
  func longIntegerOrder() throws {
    let ordered = try [
      "-100000000000000000000", "-99999999999999999999", "9223372036854775808", "99999999999999999999",
      "100000000000000000000",
    ]
    .map { try #require(LongInteger($0)) }
    #expect(ordered.reversed().sorted() == ordered)
  }

  @Test("Keys that are canonically equivalent are different keys, as in Python")
  func equivalentKeys() throws {
    let text = #"{"Caf\#u{E9}":1,"Cafe\#u{301}":2,"\#u{212A}":3,"K":4}"#
    let json = try JSON(parsing: text)
    #expect(json.serialized() == text)
    #expect(json["Caf\u{E9}"] == 1)
    #expect(json["Cafe\u{301}"] == 2)
    #expect(json["\u{212A}"] == 3)
    #expect(json["K"] == 4)
    #expect(try json != JSON(parsing: #"{"Cafe\#u{301}":1,"Caf\#u{E9}":2,"\#u{212A}":3,"K":4}"#))
    #expect(try JSON(parsing: #"{"é":1,"e":2,"é":3}"#).serialized() == #"{"é":3,"e":2}"#)
  }

  @Test("NaN is read")
  func notANumber() throws {
    #expect(try JSON(parsing: "NaN").double?.isNaN == true)
  }

  @Test("Escapes are decoded, surrogate pairs included")
  func escapes() throws {
    let json = try JSON(parsing: #""\"\\\/\b\f\n\r\t\u00e9\u4e2d\ud83d\uDE00 plain 中\u0000""#)
    #expect(json.string == "\"\\/\u{8}\u{C}\n\r\té中😀 plain 中\0")
  }

  @Test("Bytes, slices and a byte order mark are read")
  func bytes() throws {
    #expect(try JSON(parsing: [0xEF, 0xBB, 0xBF] + Array("[1]".utf8)) == [1])
    #expect(try JSON(parsing: Array("xx[1]".utf8)[2...]) == [1])
    #expect(try JSON(parsing: "[1]".utf8.lazy.filter { _ in true }) == [1])
    #expect(try Array("[2]".utf8).withUnsafeBytes { try JSON(parsing: $0) } == [2])
  }

  @Test(
    "An error says where and what was expected",
    arguments: [
      ("", 1, 1, 0, "expected a value (object, array, string, number, true, false or null), found the end of the text"),
      ("{\"é\": 1,\n 中}", 2, 2, 11, "expected an object's key in quotes, found '中'"),
      ("[1 2]", 1, 4, 3, "expected ',' or ']' after an array's element, found '2'"),
      ("[1,]", 1, 4, 3, "expected a value (object, array, string, number, true, false or null), found ']'"),
      ("{\"a\" 1}", 1, 6, 5, "expected ':' after an object's key, found '1'"),
      ("{\"a\":1 1}", 1, 8, 7, "expected ',' or '}' after an object's member, found '1'"),
      ("1 1", 1, 3, 2, "expected the end of the text after the value, found '1'"),
      ("01", 1, 2, 1, "expected no digit after a leading zero, found '1'"),
      ("-", 1, 2, 1, "expected a digit, found the end of the text"),
      ("1.", 1, 3, 2, "expected a digit after the decimal point, found the end of the text"),
      ("1e+", 1, 4, 3, "expected a digit after the exponent's mark, found the end of the text"),
      ("\n \"ab", 2, 2, 2, "expected a closing quote for the string that starts here"),
      ("\"a\tb\"", 1, 3, 2, "expected an escape such as \\n for a control character in a string, found the byte 0x9"),
      (#""\x""#, 1, 3, 2, "expected one of \" \\ / b f n r t u after a backslash, found 'x'"),
      (#""\u12g4""#, 1, 6, 5, "expected four hexadecimal digits after \\u, found 'g'"),
      (#""a\ud83d""#, 1, 3, 2, "expected both halves of a surrogate pair, found a lone \\ud83d"),
      (#""a\ud83d\u0041""#, 1, 3, 2, "expected both halves of a surrogate pair, found a lone \\ud83d"),
      (#""a\ude00""#, 1, 3, 2, "expected both halves of a surrogate pair, found a lone \\ude00"),
      ("tru", 1, 1, 0, "expected a value (object, array, string, number, true, false or null), found 't'"),
    ])
  func errors(text: String, line: Int, column: Int, offset: Int, message: String) {
    let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
    #expect(error?.line == line)
    #expect(error?.column == column)
    #expect(error?.offset == offset)
    #expect(error?.message == message)
  }

  @Test(
    "Bytes that are not UTF-8 are refused with their place",
    arguments: [
      [0xFF], [0xC0, 0x80], [0xC3], [0xE4, 0xB8], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF0, 0x9F, 0x98],
      [0x80],
    ] as [[UInt8]])
  func invalidUTF8(bad: [UInt8]) {
    for prefix in ["", "ab", "中文", "😀é"] {
      for suffix in ["", "c", "中"] {
        let error = #expect(throws: JSONError.self) {
          try JSON(parsing: Array("\"\(prefix)".utf8) + bad + Array("\(suffix)\"".utf8))
        }
        #expect(error?.offset == 1 + prefix.utf8.count)
        #expect(error?.message.hasPrefix("expected UTF-8") == true)
      }
    }
  }

  @Test("Nesting is limited, so hostile input cannot overflow the stack")
  func nesting() throws {
    let deepest = JSON.maximumDepth
    let fine = String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)
    #expect(try JSON(parsing: fine).serialized() == fine)
    #expect(throws: JSONError.self) { try JSON(parsing: "[" + fine + "]") }
    #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":[", count: 1_000_000)) }
  }
}
