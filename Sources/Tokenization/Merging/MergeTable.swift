/// The merges of a byte-level BPE: which pairs of tokens become one, and which pair goes first.
struct MergeTable: Sendable {
  /// What a pair becomes.
  struct Merge: BitwiseCopyable {
    /// The place of the merge in the file; lower goes first. `never` for pairs that do not merge.
    var rank: UInt32
    /// The token that the pair becomes.
    var result: Int32

    static let never = UInt32.max
  }

  private struct Slot: BitwiseCopyable {
    /// Left id in the upper half, right id in the lower; all ones where the slot is free.
    var pair: UInt64
    var merge: Merge
  }

  private let slots: FixedBuffer<Slot>
  private let shift: UInt64
  private let mask: Int

  /// Builds the table; a pair given twice keeps its last merge.
  init(_ merges: [(left: Int32, right: Int32, result: Int32)]) {
    var capacity = 16
    while capacity < merges.count * 3 { capacity *= 2 }
    var slots = [Slot](
      repeating: Slot(pair: .max, merge: Merge(rank: Merge.never, result: -1)), count: capacity)
    let shift = UInt64(64 - capacity.trailingZeroBitCount)
    for (rank, merge) in merges.enumerated() {
      let pair = Self.key(merge.left, merge.right)
      var slot = Self.slot(pair, shift)
      while slots[slot].pair != .max, slots[slot].pair != pair { slot = (slot + 1) & (capacity - 1) }
      slots[slot] = Slot(pair: pair, merge: Merge(rank: UInt32(rank), result: merge.result))
    }
    self.slots = FixedBuffer(slots)
    self.shift = shift
    mask = capacity - 1
  }

  /// What a pair of ids, both not negative, becomes.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge {
    let pair = Self.key(left, right)
    var slot = Self.slot(pair, shift)
    while true {
      let found = slots.pointer[slot]
      if found.pair == pair || found.pair == .max { return found.merge }
      slot = (slot + 1) & mask
    }
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private static func slot(_ pair: UInt64, _ shift: UInt64) -> Int {
    Int(truncatingIfNeeded: ((pair ^ pair >> 29) &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }
}
