/// Finds which of some texts starts at a position, the longest first: a trie over bytes.
///
/// Most positions are dismissed by their first byte alone, for any number of texts.
struct TokenTrie: Sendable {
  /// The node after a first byte; 0 where no text begins with it.
  private let roots: FixedBuffer<Int32>
  /// The only first byte, where there is only one.
  private let onlyFirstByte: UInt8?
  private let hasTexts: Bool
  /// (node, byte) → node, for all further bytes; open addressing.
  private let edges: FixedBuffer<Edge>
  private let edgeMask: Int
  /// The text that ends at each node; -1 where none does.
  private let ends: FixedBuffer<Int32>

  private struct Edge: BitwiseCopyable {
    /// Node in the upper bits, byte in the lower 8; -1 where the slot is free.
    var key: Int
    var target: Int32
  }

  /// Builds the trie. Of equal texts the first counts; empty ones are never found.
  init(_ texts: [[UInt8]]) {
    var roots = [Int32](repeating: 0, count: 256)
    var children: [Int: Int32] = [:]
    var ends: [Int32] = [-1]
    for (index, text) in texts.enumerated() where !text.isEmpty {
      var node = roots[Int(text[0])]
      if node == 0 {
        node = Int32(ends.count)
        ends.append(-1)
        roots[Int(text[0])] = node
      }
      for byte in text.dropFirst() {
        let key = Int(node) << 8 | Int(byte)
        if let child = children[key] {
          node = child
        } else {
          node = Int32(ends.count)
          ends.append(-1)
          children[key] = node
        }
      }
      if ends[Int(node)] < 0 { ends[Int(node)] = Int32(index) }
    }
    var capacity = 16
    while capacity < children.count * 2 { capacity *= 2 }
    var edges = [Edge](repeating: Edge(key: -1, target: 0), count: capacity)
    for (key, target) in children {
      var slot = Self.slot(key, capacity - 1)
      while edges[slot].key >= 0 { slot = (slot + 1) & (capacity - 1) }
      edges[slot] = Edge(key: key, target: target)
    }
    let first = roots.indices.filter { roots[$0] != 0 }
    onlyFirstByte = first.count == 1 ? UInt8(first[0]) : nil
    hasTexts = !first.isEmpty
    self.roots = FixedBuffer(roots)
    self.edges = FixedBuffer(edges)
    edgeMask = capacity - 1
    self.ends = FixedBuffer(ends)
  }

  /// The leftmost match in `bytes[start..<end]`, and the longest of those that start there.
  func firstMatch(
    in bytes: UnsafePointer<UInt8>, from start: Int, to end: Int
  ) -> (start: Int, end: Int, text: Int)? {
    guard hasTexts else { return nil }
    var position = start
    while position < end {
      if let onlyFirstByte {
        guard let found = firstIndex(of: onlyFirstByte, in: bytes, from: position, to: end) else { return nil }
        position = found
      } else {
        while position < end, roots.pointer[Int(bytes[position])] == 0 { position += 1 }
        guard position < end else { return nil }
      }
      if let match = longestMatch(in: bytes, at: position, to: end) { return (position, match.end, match.text) }
      position += 1
    }
    return nil
  }

  @inline(__always)
  private func longestMatch(in bytes: UnsafePointer<UInt8>, at start: Int, to end: Int) -> (end: Int, text: Int)? {
    var node = roots.pointer[Int(bytes[start])]
    var position = start + 1
    var longest: (end: Int, text: Int)?
    while true {
      let text = ends.pointer[Int(node)]
      if text >= 0 { longest = (position, Int(text)) }
      guard position < end, let child = child(of: node, bytes[position]) else { return longest }
      node = child
      position += 1
    }
  }

  @inline(__always)
  private func child(of node: Int32, _ byte: UInt8) -> Int32? {
    let key = Int(node) << 8 | Int(byte)
    var slot = Self.slot(key, edgeMask)
    while true {
      let edge = edges.pointer[slot]
      if edge.key == key { return edge.target }
      if edge.key < 0 { return nil }
      slot = (slot + 1) & edgeMask
    }
  }

  @inline(__always)
  private static func slot(_ key: Int, _ mask: Int) -> Int {
    let product = UInt64(truncatingIfNeeded: key) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: product >> 32) & mask
  }
}

/// The first place of a byte, eight at a time.
@inline(__always)
private func firstIndex(of byte: UInt8, in bytes: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int? {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let pattern = ones &* UInt64(byte)
  var position = start
  while position + 8 <= end {
    let word = UnsafeRawPointer(bytes + position).loadUnaligned(as: UInt64.self) ^ pattern
    let zeros = (word &- ones) & ~word & 0x8080_8080_8080_8080
    if zeros != 0 { return position + UInt64(littleEndian: zeros).trailingZeroBitCount / 8 }
    position += 8
  }
  while position < end {
    if bytes[position] == byte { return position }
    position += 1
  }
  return nil
}
