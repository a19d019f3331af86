/// The bytes of one JSON value of a file, and the line on which they start, counted from 1.
struct Record: Sendable {
  var range: Range<Int>
  var line: Int
}

/// Cuts a file into the JSON values it holds, without parsing them, so that they can be parsed in parallel and a broken
/// value does not affect the others.
enum RecordSplitter {
  /// The values of JSONL or of a JSON array, and what is wrong with the array's own brackets, if anything.
  static func split(_ bytes: UnsafeRawBufferPointer) -> (records: [Record], broken: BadLine?) {
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    let start = hasMark ? 3 : 0
    guard let first = bytes[start...].first(where: { !isWhiteSpace($0) }) else { return ([], nil) }
    return first == UInt8(ascii: "[") ? elements(of: bytes, from: start) : (lines(of: bytes, from: start), nil)
  }

  private static func lines(of bytes: UnsafeRawBufferPointer, from start: Int) -> [Record] {
    var records: [Record] = []
    var line = 1
    var position = start
    while position < bytes.count {
      let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      let trimmed = trim(position..<end, in: bytes)
      if !trimmed.isEmpty { records.append(Record(range: trimmed, line: line)) }
      position = end + 1
      line += 1
    }
    return records
  }

  private static func elements(
    of bytes: UnsafeRawBufferPointer, from start: Int
  ) -> (records: [Record], broken: BadLine?) {
    var records: [Record] = []
    var line = 1
    var depth = 0
    var isInString = false
    var isClosed = false
    var elementStart = start
    var elementLine = 1
    var position = start

    func finishElement(isLast: Bool) -> BadLine? {
      let range = trim(elementStart..<position, in: bytes)
      if range.isEmpty {
        if isLast && records.isEmpty { return nil }  // an empty array
        return BadLine(line: line, reason: "not JSON: expected an element of the array before '\(isLast ? "]" : ",")'")
      }
      records.append(Record(range: range, line: firstLine(of: range)))
      return nil
    }
    func firstLine(of range: Range<Int>) -> Int {
      elementLine + bytes[elementStart..<range.lowerBound].count { $0 == UInt8(ascii: "\n") }
    }

    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\n") { line += 1 }
      if isInString {
        if byte == UInt8(ascii: "\\") {
          position += 1  // what follows is escaped; a line feed there is an error the parser will name
          if position < bytes.count, bytes[position] == UInt8(ascii: "\n") { line += 1 }
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
      } else if isClosed {
        if !isWhiteSpace(byte) {
          return (records, BadLine(line: line, reason: "not JSON: expected nothing after the array's closing ']'"))
        }
      } else {
        switch byte {
        case UInt8(ascii: "\""):
          isInString = true
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          depth += 1
          if depth == 1 {
            elementStart = position + 1
            elementLine = line
          }
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
          if depth == 1 {
            if let broken = finishElement(isLast: true) { return (records, broken) }
            isClosed = true
          }
          depth -= 1
        case UInt8(ascii: ",") where depth == 1:
          if let broken = finishElement(isLast: false) { return (records, broken) }
          elementStart = position + 1
          elementLine = line
        default:
          break
        }
      }
      position += 1
    }
    if isClosed { return (records, nil) }
    return (
      records,
      BadLine(
        line: firstLine(of: trim(elementStart..<bytes.count, in: bytes)),
        reason: "not JSON: the array is not closed; the file may be cut off at this element")
    )
  }

  private static func trim(_ range: Range<Int>, in bytes: UnsafeRawBufferPointer) -> Range<Int> {
    var lower = range.lowerBound
    var upper = range.upperBound
    while lower < upper, isWhiteSpace(bytes[lower]) { lower += 1 }
    while lower < upper, isWhiteSpace(bytes[upper - 1]) { upper -= 1 }
    return lower..<upper
  }

  private static func isWhiteSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }
}
