/// Words that were merged before, with their tokens. It grows up to a limit; then it is cleared and starts
/// over. Owned by one thread at a time.
struct WordCache: ~Copyable {
  private struct Slot: BitwiseCopyable {
    var hash: UInt64 = 0
    var wordOffset: UInt32 = 0
    var idOffset: UInt32 = 0
    /// 0 marks a free slot: an empty word is never cached.
    var wordCount: UInt32 = 0
    var idCount: UInt32 = 0
  }

  /// Longer words are rarely repeated.
  static let longestWord = 128
  private static let mostSlots = 1 << 17
  private static let mostBytes = 1 << 22

  private var slots: UnsafeMutablePointer<Slot>
  private var slotCount = 1 << 12
  private var used = 0
  private var words: [UInt8] = []
  private var ids: [Int32] = []

  init() {
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: Slot(), count: slotCount)
  }

  deinit { slots.deallocate() }

  /// Appends the tokens of a word of at most `longestWord` bytes, if they are known.
  @inline(__always)
  func appendTokens(
    of word: UnsafePointer<UInt8>, count: Int, hash: UInt64, to output: inout TokenBuffer
  ) -> Bool {
    let mask = slotCount - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index].wordCount != 0 {
      let slot = slots[index]
      if slot.hash == hash, slot.wordCount == UInt32(count) {
        let isSame = words.withUnsafeBufferPointer { words in
          words.baseAddress.map { areEqual($0 + Int(slot.wordOffset), word, count: count) } ?? false
        }
        if isSame {
          ids.withUnsafeBufferPointer { ids in
            let start = Int(slot.idOffset)
            output.append(UnsafeBufferPointer(rebasing: ids[start..<start + Int(slot.idCount)]))
          }
          return true
        }
      }
      index = (index + 1) & mask
    }
    return false
  }

  /// Remembers a word that is not in the cache.
  mutating func add(
    _ word: UnsafePointer<UInt8>, count: Int, hash: UInt64, tokens: UnsafeBufferPointer<Int32>
  ) {
    if words.count + count > Self.mostBytes || (used * 2 >= slotCount && slotCount >= Self.mostSlots) {
      removeAll()
    } else if used * 2 >= slotCount {
      grow()
    }
    place(
      Slot(
        hash: hash, wordOffset: UInt32(words.count), idOffset: UInt32(ids.count), wordCount: UInt32(count),
        idCount: UInt32(tokens.count)))
    words.append(contentsOf: UnsafeBufferPointer(start: word, count: count))
    ids.append(contentsOf: tokens)
  }

  private mutating func place(_ slot: Slot) {
    var index = Int(truncatingIfNeeded: slot.hash) & (slotCount - 1)
    while slots[index].wordCount != 0 { index = (index + 1) & (slotCount - 1) }
    slots[index] = slot
    used += 1
  }

  private mutating func grow() {
    let old = UnsafeBufferPointer(start: slots, count: slotCount)
    slotCount *= 2
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: Slot(), count: slotCount)
    used = 0
    for slot in old where slot.wordCount != 0 { place(slot) }
    old.deallocate()
  }

  private mutating func removeAll() {
    slots.update(repeating: Slot(), count: slotCount)
    used = 0
    words.removeAll(keepingCapacity: true)
    ids.removeAll(keepingCapacity: true)
  }
}
