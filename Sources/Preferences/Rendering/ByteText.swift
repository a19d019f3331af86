/// Texts are compared and searched as UTF-8 here: Swift's own comparison of strings treats canonically equivalent
/// spellings ("é" as one scalar or two) as equal and "\r\n" as one character, but to a tokenizer they differ.
extension [UInt8] {
  /// The first place at or after `start` where `pattern` occurs; nil if there is none or the pattern is empty.
  func firstRange(of pattern: [UInt8], from start: Int = 0) -> Range<Int>? {
    guard let first = pattern.first, start + pattern.count <= count else { return nil }
    return withUnsafeBufferPointer { text in
      var position = start
      while position + pattern.count <= text.count {
        if text[position] == first, text[position..<position + pattern.count].elementsEqual(pattern) {
          return position..<position + pattern.count
        }
        position += 1
      }
      return nil
    }
  }

  /// The last place where `pattern` occurs; nil if there is none.
  func lastRange(of pattern: [UInt8]) -> Range<Int>? {
    var result: Range<Int>?
    var next = firstRange(of: pattern)
    while let range = next {
      result = range
      next = firstRange(of: pattern, from: range.lowerBound + 1)
    }
    return result
  }

  /// The text without any occurrence of `pattern`, as Python's `text.replace(pattern, "")`.
  func removing(_ pattern: [UInt8]) -> [UInt8] {
    guard var found = firstRange(of: pattern) else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var copied = 0
    while true {
      result += self[copied..<found.lowerBound]
      copied = found.upperBound
      guard let next = firstRange(of: pattern, from: copied) else { break }
      found = next
    }
    return result + self[copied...]
  }

  /// The bytes as a string; they are valid UTF-8 wherever they were cut out of a string at a scalar's boundary.
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// How many leading elements two sequences share.
func commonPrefixCount<Element: Equatable>(_ first: some Collection<Element>, _ second: some Collection<Element>) -> Int
{
  var count = 0
  for (one, other) in zip(first, second) {
    guard one == other else { break }
    count += 1
  }
  return count
}
