/// The last lines that a worker wrote, on stdout and stderr in the order in which they came.
struct LastLines {
  private let limit: Int
  private let width: Int
  private var lines: [String] = []
  private var unfinished: [StreamChoice.Stream: [UInt8]] = [:]

  init(limit: Int = 20, width: Int = 500) {
    self.limit = limit
    self.width = width
  }

  mutating func append(_ bytes: ArraySlice<UInt8>, from stream: StreamChoice.Stream) {
    var line = unfinished[stream] ?? []
    for byte in bytes {
      switch byte {
      case 0x0A:
        finish(line)
        line.removeAll(keepingCapacity: true)
      // The line is overwritten from here on: progress.
      case 0x0D: if line.last != 0x0D { line.append(byte) }
      default:
        if line.last == 0x0D { line.removeAll(keepingCapacity: true) }
        if line.count < width * 4 { line.append(byte) }
      }
    }
    unfinished[stream] = line
  }

  private mutating func finish(_ line: [UInt8]) {
    let text = Self.readable(line, width: width)
    if text.isEmpty { return }
    lines.append(text)
    if lines.count > limit { lines.removeFirst(lines.count - limit) }
  }

  /// The lines, with what was begun and not ended.
  var all: [String] {
    var copy = self
    for stream in StreamChoice.Stream.allCases { copy.finish(unfinished[stream] ?? []) }
    return copy.lines
  }

  /// Without colours and other escape sequences, and not too long.
  private static func readable(_ line: [UInt8], width: Int) -> String {
    var text = ""
    var escape = 0  // 1 after ESC, 2 after ESC [
    for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
      switch (escape, scalar.value) {
      case (_, 0x1B): escape = 1
      case (1, 0x5B): escape = 2
      case (1, _): escape = 0
      case (2, 0x40...0x7E): escape = 0
      case (2, _): break
      case (_, 0x09): text.append(" ")
      case (_, 0..<0x20), (_, 0x7F): break
      default: text.unicodeScalars.append(scalar)
      }
    }
    while text.last == " " { text.removeLast() }
    return text.count > width ? text.prefix(width) + "…" : text
  }
}
