/// Words that were merged before, with their tokens. Bounded: when full, it forgets everything and starts anew.
/// Owned by one thread at a time.
struct WordCache: ~Copyable {
  private struct Slot: BitwiseCopyable {
    var hash: UInt64 = 0
    var wordOffset: UInt32 = 0
    var idOffset: UInt32 = 0
    /// 0 marks a free slot: an empty word is never cached.
    var wordCount: UInt32 = 0
    var idCount: UInt32 = 0
  }

  /// Longer words hardly come again.
  static let longestWord = 128
  private static let slotCount = 1 << 15
  private static let wordCapacity = 1 << 20
  private static let idCapacity = 1 << 18

  private let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
  private let words = UnsafeMutablePointer<UInt8>.allocate(capacity: wordCapacity)
  private let ids = UnsafeMutablePointer<Int32>.allocate(capacity: idCapacity)
  private var used = 0
  private var wordsUsed = 0
  private var idsUsed = 0

  init() { slots.initialize(repeating: Slot(), count: Self.slotCount) }

  deinit {
    slots.deallocate()
    words.deallocate()
    ids.deallocate()
  }

  /// The tokens of a word of at most `longestWord` bytes.
  @inline(__always)
  func tokens(of word: UnsafePointer<UInt8>, count: Int, hash: UInt64) -> UnsafeBufferPointer<Int32>? {
    var index = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while slots[index].wordCount != 0 {
      let slot = slots[index]
      if slot.hash == hash, slot.wordCount == UInt32(count), areEqual(words + Int(slot.wordOffset), word, count: count)
      {
        return UnsafeBufferPointer(start: ids + Int(slot.idOffset), count: Int(slot.idCount))
      }
      index = (index + 1) & (Self.slotCount - 1)
    }
    return nil
  }

  /// Remembers a word that is not in the cache.
  mutating func add(
    _ word: UnsafePointer<UInt8>, count: Int, hash: UInt64, tokens: UnsafeBufferPointer<Int32>
  ) {
    if used * 2 >= Self.slotCount || wordsUsed + count > Self.wordCapacity || idsUsed + tokens.count > Self.idCapacity {
      slots.update(repeating: Slot(), count: Self.slotCount)
      (used, wordsUsed, idsUsed) = (0, 0, 0)
    }
    var index = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while slots[index].wordCount != 0 { index = (index + 1) & (Self.slotCount - 1) }
    slots[index] = Slot(
      hash: hash, wordOffset: UInt32(wordsUsed), idOffset: UInt32(idsUsed), wordCount: UInt32(count),
      idCount: UInt32(tokens.count))
    (words + wordsUsed).update(from: word, count: count)
    for (offset, id) in tokens.enumerated() { ids[idsUsed + offset] = id }
    used += 1
    wordsUsed += count
    idsUsed += tokens.count
  }
}
