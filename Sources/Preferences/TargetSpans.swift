/// Where the assistant speaks in a sequence of token ids.
struct TargetSpans: Sendable {
  /// The ids of the text that opens an assistant turn.
  let header: [Int32]
  /// The ids of the text that closes it.
  let terminator: [Int32]

  /// The spans of all assistant turns exactly as MiniMind finds them: after each occurrence of the header's ids, every
  /// token up to and including the next terminator, or to the end where there is none; the search goes on behind it.
  func all(in ids: [Int32]) -> [Range<Int>] {
    var spans: [Range<Int>] = []
    var position = 0
    while position + header.count <= ids.count {
      if matches(header, at: position, in: ids) {
        let span = span(from: position + header.count, in: ids)
        spans.append(span)
        position = span.upperBound
      } else {
        position += 1
      }
    }
    return spans
  }

  /// The span of a turn whose first token after the header is known.
  func span(from start: Int, in ids: [Int32]) -> Range<Int> {
    var position = start
    while position < ids.count {
      if matches(terminator, at: position, in: ids) { return start..<position + terminator.count }
      position += 1
    }
    return start..<max(start, ids.count)
  }

  private func matches(_ pattern: [Int32], at position: Int, in ids: [Int32]) -> Bool {
    guard position + pattern.count <= ids.count, pattern.first == ids[position] else { return false }
    for offset in pattern.indices where ids[position + offset] != pattern[offset] { return false }
    return true
  }
}
