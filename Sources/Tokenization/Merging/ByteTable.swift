/// A hash of some bytes, eight at a time.
@inline(__always)
func hash(of bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
  let raw = UnsafeRawPointer(bytes)
  var hash = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
  var offset = 0
  while offset + 8 <= count {
    hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    offset += 8
  }
  let left = count - offset
  if left > 0 {
    var tail: UInt64 = 0
    if count >= 8 {
      // Bytes may be read twice: that is cheap and avoids a loop.
      tail = raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    } else if left >= 4 {
      tail = UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      tail |= UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
    } else {
      tail = UInt64(bytes[offset]) | UInt64(bytes[offset + left / 2]) << 8 | UInt64(bytes[count - 1]) << 16
    }
    hash = mix(hash ^ tail)
  }
  return hash
}

@inline(__always)
private func mix(_ value: UInt64) -> UInt64 {
  let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
  return product.high ^ product.low
}

/// Whether two runs of bytes are equal.
@inline(__always)
func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, count: Int) -> Bool {
  let left = UnsafeRawPointer(left)
  let right = UnsafeRawPointer(right)
  var offset = 0
  while offset + 8 <= count {
    let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    if a != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { return false }
    offset += 8
  }
  if offset == count { return true }
  if count >= 8 {
    return left.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      == right.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
  }
  if count >= 4 {
    return left.loadUnaligned(as: UInt32.self) == right.loadUnaligned(as: UInt32.self)
      && left.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
        == right.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
  }
  while offset < count {
    if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
      return false
    }
    offset += 1
  }
  return true
}

/// Maps runs of bytes to ids. Unlike a dictionary of strings it distinguishes canonically equivalent texts.
struct ByteTable: Sendable {
  /// Slots hold an index into `entries`, or -1; open addressing, at most half full.
  private var slots: [Int32] = [Int32](repeating: -1, count: 16)
  private var entries: [(hash: UInt64, offset: Int, count: Int, id: Int32)] = []
  private var bytes: [UInt8] = []

  /// The number of different keys.
  var count: Int { entries.count }

  /// Sets the id of a key.
  mutating func set(_ id: Int32, for key: some Collection<UInt8>) {
    let offset = bytes.count
    bytes.append(contentsOf: key)
    let count = bytes.count - offset
    let hash = bytes.withUnsafeBufferPointer { buffer in
      // An empty key has no address, and needs none.
      buffer.baseAddress.map { Tokenization.hash(of: $0 + offset, count: count) } ?? 0
    }
    if let entry = bytes.withUnsafeBufferPointer({ entry(UnsafeBufferPointer(rebasing: $0[offset...]), hash) }) {
      bytes.removeLast(count)
      entries[entry].id = id
      return
    }
    entries.append((hash, offset, count, id))
    if entries.count * 2 > slots.count { grow() } else { place(entries.count - 1) }
  }

  /// The id of a key.
  func id(for key: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let base = key.baseAddress, !key.isEmpty else { return entry(key, 0).map { entries[$0].id } }
    return entry(key, hash(of: base, count: key.count)).map { entries[$0].id }
  }

  /// The id of a text.
  func id(for text: String) -> Int32? {
    var text = text
    return text.withUTF8 { id(for: $0) }
  }

  private func entry(_ key: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int? {
    let hash = key.isEmpty ? 0 : hash
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, entry.count == key.count,
        key.elementsEqual(bytes[entry.offset..<entry.offset + entry.count])
      {
        return Int(slots[slot])
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private mutating func place(_ index: Int) {
    var slot = Int(truncatingIfNeeded: entries[index].hash) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(index)
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for index in entries.indices { place(index) }
  }
}
