import Foundation
import OrderedJSON

/// Python's strings are sequences of code points. Swift's own operations work on grapheme clusters and take canonically
/// equivalent texts for equal, so none of them is used here: searching and comparing works on UTF-8, the rest on scalars.
extension String {
  /// Negative, zero or positive; the order of UTF-8 bytes is the order of code points.
  func textOrder(_ other: String) -> Int {
    withUTF8Bytes { a in
      other.withUTF8Bytes { b in
        let count = Swift.min(a.count, b.count)
        let order = count == 0 ? 0 : Int(memcmp(a.baseAddress!, b.baseAddress!, count))
        return order != 0 ? order : a.count - b.count
      }
    }
  }

  /// Python's `len`.
  var codePointCount: Int {
    withUTF8Bytes { bytes in bytes.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 } }
  }

  /// The byte offset of the first occurrence at or after a byte offset.
  func find(_ part: String, from start: Int = 0) -> Int? {
    withUTF8Bytes { text in part.withUTF8Bytes { part in Self.find(part, in: text, from: start) } }
  }

  private static func find(
    _ part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> Int? {
    guard start <= text.count else { return nil }
    guard let needle = part.baseAddress, part.count > 0 else { return start }
    guard let base = text.baseAddress else { return nil }
    var place = start
    // Jump from one occurrence of the first byte to the next; the C library does that many bytes at a time.
    while place + part.count <= text.count {
      let last = text.count - part.count + 1
      guard let found = memchr(base + place, Int32(needle[0]), last - place) else { return nil }
      place = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      if memcmp(base + place, needle, part.count) == 0 { return place }
      place += 1
    }
    return nil
  }

  /// The byte offset of the last occurrence that ends at or before a byte offset.
  func findLast(_ part: String, before end: Int? = nil) -> Int? {
    withUTF8Bytes { text in
      part.withUTF8Bytes { part in
        var start = (end ?? text.count) - part.count
        while start >= 0 {
          if text[start..<start + part.count].elementsEqual(part) { return start }
          start -= 1
        }
        return nil
      }
    }
  }

  /// The text between two byte offsets, which must be at scalar boundaries.
  func bytes(_ range: Range<Int>) -> String {
    if range.lowerBound == 0, range.upperBound == utf8.count { return self }
    return String(
      self[utf8.index(startIndex, offsetBy: range.lowerBound)..<utf8.index(startIndex, offsetBy: range.upperBound)])
  }

  /// The text without what `isStripped` holds for, at its ends.
  func stripped(left: Bool, right: Bool, _ isStripped: (Unicode.Scalar) -> Bool) -> String {
    let scalars = unicodeScalars
    var start = scalars.startIndex
    var end = scalars.endIndex
    if left { while start < end, isStripped(scalars[start]) { start = scalars.index(after: start) } }
    if right {
      while start < end {
        let last = scalars.index(before: end)
        guard isStripped(scalars[last]) else { break }
        end = last
      }
    }
    return start == scalars.startIndex && end == scalars.endIndex ? self : String(scalars[start..<end])
  }

  /// Python's `strip`, `lstrip` and `rstrip`: white space, or any of the given characters.
  func stripped(left: Bool = true, right: Bool = true, of characters: String? = nil) -> String {
    guard let characters else { return stripped(left: left, right: right) { $0.isPythonSpace } }
    let scalars = Array(characters.unicodeScalars)
    return stripped(left: left, right: right) { scalars.contains($0) }
  }

  /// Python's `replace`; a negative count means all.
  func replacing(_ old: String, with new: String, count: Int = -1) -> String {
    var left = count < 0 ? Int.max : count
    var output = ""
    if old.utf8.isEmpty {
      for scalar in unicodeScalars {
        if left > 0 {
          output += new
          left -= 1
        }
        output.unicodeScalars.append(scalar)
      }
      return left > 0 ? output + new : output
    }
    var start = 0
    while left > 0, let found = find(old, from: start) {
      output += bytes(start..<found)
      output += new
      start = found + old.utf8.count
      left -= 1
    }
    return start == 0 ? self : output + bytes(start..<utf8.count)
  }

  /// Python's `split` at a separator; a negative count means no limit.
  func parts(separatedBy separator: String, atMost count: Int = -1) -> [String] {
    var left = count < 0 ? Int.max : count
    var parts: [String] = []
    var start = 0
    while left > 0, let found = find(separator, from: start) {
      parts.append(bytes(start..<found))
      start = found + separator.utf8.count
      left -= 1
    }
    parts.append(bytes(start..<utf8.count))
    return parts
  }

  /// Python's `rsplit` at a separator.
  func partsFromEnd(separatedBy separator: String, atMost count: Int) -> [String] {
    guard count >= 0 else { return parts(separatedBy: separator) }
    var parts: [String] = []
    var end = utf8.count
    while parts.count < count, let found = findLast(separator, before: end) {
      parts.append(bytes(found + separator.utf8.count..<end))
      end = found
    }
    parts.append(bytes(0..<end))
    return parts.reversed()
  }

  /// Python's `split` at white space: no empty parts, and the rest after the last split keeps its end.
  func words(atMost count: Int = -1) -> [String] {
    var words: [String] = []
    let scalars = unicodeScalars
    var index = scalars.startIndex
    while true {
      while index < scalars.endIndex, scalars[index].isPythonSpace { index = scalars.index(after: index) }
      guard index < scalars.endIndex else { return words }
      if count >= 0, words.count == count {
        words.append(String(scalars[index...]))
        return words
      }
      let start = index
      while index < scalars.endIndex, !scalars[index].isPythonSpace { index = scalars.index(after: index) }
      words.append(String(scalars[start..<index]))
    }
  }

  /// Python's `splitlines`.
  func lines(keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    let scalars = unicodeScalars
    var start = scalars.startIndex
    var index = start
    while index < scalars.endIndex {
      let scalar = scalars[index]
      var next = scalars.index(after: index)
      if scalar.isPythonLineEnd {
        if scalar == "\r", next < scalars.endIndex, scalars[next] == "\n" { next = scalars.index(after: next) }
        lines.append(String(scalars[start..<(keepingEnds ? next : index)]))
        start = next
      }
      index = next
    }
    if start < scalars.endIndex { lines.append(String(scalars[start...])) }
    return lines
  }

  /// Python's `capitalize`.
  var capitalizedText: String {
    guard let first = unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }

  /// Python's `title`: a letter after a letter is lower case, any other is title case.
  var titleText: String {
    var output = ""
    var followsCased = false
    for scalar in unicodeScalars {
      output += followsCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      followsCased = scalar.properties.isCased
    }
    return output
  }

  /// HTML's special characters replaced, as `markupsafe` does.
  var escapedHTML: String {
    guard utf8.contains(where: { [0x26, 0x3C, 0x3E, 0x27, 0x22].contains($0) }) else { return self }
    return replacing("&", with: "&amp;").replacing(">", with: "&gt;").replacing("<", with: "&lt;")
      .replacing("'", with: "&#39;").replacing("\"", with: "&#34;")
  }
}

extension Unicode.Scalar {
  /// Python's `str.isspace` for one character.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Where `str.splitlines` ends a line.
  var isPythonLineEnd: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// Whether `repr` writes it unchanged.
  var isPythonPrintable: Bool {
    if isASCII { return value >= 0x20 && value < 0x7F }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}
