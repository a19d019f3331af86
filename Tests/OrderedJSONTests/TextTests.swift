import OrderedJSON
import Testing

/// Texts compared by code points; what is true of each pair here is true of Python's strings.
@Suite("Texts") struct TextTests {
  /// Canonically equivalent pairs: equal for Swift's `==`, not for Python's.
  static let equivalent = [
    ("\u{E9}", "e\u{301}"), ("\u{212A}", "K"), ("\u{37E}", ";"), ("\u{1FEF}", "`"), ("\u{AC00}", "\u{1100}\u{1161}"),
    ("a\u{301}\u{323}", "a\u{323}\u{301}"), ("\u{212B}ngstr\u{F6}m", "A\u{30A}ngstro\u{308}m"),
  ]

  @Test("Canonically equivalent texts are different texts", arguments: equivalent)
  func equivalentTexts(one: String, other: String) {
    #expect(one == other)
    #expect(!one.isSameText(as: other))
    #expect(ExactText(one) != ExactText(other))
    #expect(Set([ExactText(one), ExactText(other), ExactText(one)]).count == 2)
    #expect(![one].containsText(other))
    #expect([one, other].containsText(other))
  }

  @Test("A text is the same however it is stored")
  func storage() {
    let long = String(repeating: "中文é", count: 50)
    let copy = String(decoding: Array(long.utf8), as: UTF8.self)
    #expect(long.isSameText(as: copy))
    #expect(ExactText(long) == ExactText(copy))
    #expect(Set([ExactText(long), ExactText(copy), ExactText(String(long.dropLast()))]).count == 2)
    #expect("".isSameText(as: String("abc".dropFirst(3))))
  }

  @Test("Beginnings and ends are those of code points, whatever they combine with")
  func affixes() {
    #expect("e\u{301}x".hasTextPrefix("e"))
    #expect("a\r\n".hasTextSuffix("\n"))
    #expect("/\u{301}etc".hasTextPrefix("/"))
    #expect(!"\u{E9}".hasTextPrefix("e"))
    #expect("é".hasTextPrefix(""))
    #expect(!"".hasTextSuffix("e"))
  }

  @Test("The order is that of code points")
  func order() {
    let ordered = ["", "A", "Z", "a", "e\u{301}", "z", "\u{E9}", "\u{FFFD}", "\u{10000}", "\u{10000}a"]
    #expect(ordered.reversed().sorted { $0.precedesText($1) } == ordered)
    #expect(ordered.reversed().map { ExactText($0) }.sorted().map(\.string) == ordered)
  }

  @Test("A dictionary of texts keeps its order and tells its keys apart")
  func dictionary() {
    var dictionary: TextDictionary<Int> = ["b": 1, "\u{E9}": 2, "e\u{301}": 3, "b": 4]
    #expect(dictionary.keys.map { Array($0.unicodeScalars).count } == [1, 1, 2])
    #expect(dictionary.values == [4, 2, 3])
    dictionary["e\u{301}"] = nil
    dictionary["a"] = 5
    dictionary["n", default: 0] += 7
    #expect(dictionary.map(\.value) == [4, 2, 5, 7])
    #expect(dictionary["e\u{301}"] == nil)
    #expect(dictionary["\u{E9}"] == 2)
    #expect(dictionary.merging(["a": 6, "c": 8]).values == [4, 2, 6, 7, 8])
    #expect(dictionary.mapValues { $0 + 1 } == ["b": 5, "\u{E9}": 3, "a": 6, "n": 8])
    #expect(["\u{E9}": 1] as TextDictionary != ["e\u{301}": 1])
    dictionary.removeAll { $0.value > 4 }
    #expect(dictionary.count == 2)
  }
}
