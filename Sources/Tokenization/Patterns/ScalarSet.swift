/// A set of Unicode scalars, as a regular expression writes them: properties, ranges, and the complement of both.
struct ScalarSet: Sendable, Equatable {
  /// Classes whose scalars belong to the set.
  private(set) var mask: ClassMask = 0
  /// Further scalars, by their values.
  private(set) var ranges: [ClosedRange<UInt32>] = []
  /// Whether the set is the complement of the above.
  private(set) var isComplement = false
  /// Membership of U+0000 to U+007F, the complement taken into account.
  private var ascii: (UInt64, UInt64) = (0, 0)

  /// A set of classes and ranges, or all that is in none of them.
  init(mask: ClassMask = 0, ranges: [ClosedRange<UInt32>] = [], isComplement: Bool = false) {
    self.mask = mask
    self.ranges = ranges
    self.isComplement = isComplement
    for value in 0..<UInt32(128) where slowlyContains(value, classBit: 1 << UInt64(CharacterClasses.table[Int(value)]))
    {
      if value < 64 { ascii.0 |= 1 << UInt64(value) } else { ascii.1 |= 1 << UInt64(value - 64) }
    }
  }

  /// Whether a scalar belongs to the set.
  @inline(__always)
  func contains(_ value: UInt32, classes: UnsafePointer<UInt8>) -> Bool {
    if value < 64 { return ascii.0 >> UInt64(value) & 1 != 0 }
    if value < 128 { return ascii.1 >> UInt64(value - 64) & 1 != 0 }
    return slowlyContains(value, classBit: 1 << UInt64(classes[Int(value)]))
  }

  private func slowlyContains(_ value: UInt32, classBit: ClassMask) -> Bool {
    (mask & classBit != 0 || ranges.contains { $0.contains(value) }) != isComplement
  }

  /// Whether any scalar of a first byte belongs to the set; for bytes of longer sequences, the answer is always yes.
  func mayContain(firstByte: UInt8) -> Bool {
    firstByte >= 128 || contains(UInt32(firstByte), classes: CharacterClasses.table)
  }

  static func == (left: ScalarSet, right: ScalarSet) -> Bool {
    left.mask == right.mask && left.ranges == right.ranges && left.isComplement == right.isComplement
  }
}
