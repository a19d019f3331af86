/// Ranges of bytes, in a buffer that is reused from text to text.
struct Spans {
  private(set) var elements: [(start: Int, end: Int)] = []

  /// Appends a range; empty ones are left out, as no token can come of them.
  @inline(__always)
  mutating func append(_ start: Int, _ end: Int) {
    if start < end { elements.append((start, end)) }
  }

  /// Forgets all ranges, keeping the memory.
  mutating func removeAll() { elements.removeAll(keepingCapacity: true) }
}
