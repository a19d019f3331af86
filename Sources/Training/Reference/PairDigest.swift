import Files
import Preferences

/// Half a SHA-256 over the ids and the targets of a pair: what its log-probabilities depend on, apart from the model. Two
/// pairs with the same digest are the same pair, in whatever file and at whatever place.
struct PairDigest: Hashable, Sendable, Comparable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  init(of pair: TokenizedPair) {
    var hash = SHA256()
    pair.update(&hash)
    let bytes = hash.digest.bytes
    func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    (high, low) = (word(bytes[..<8]), word(bytes[8..<16]))
  }

  static func < (one: PairDigest, other: PairDigest) -> Bool { (one.high, one.low) < (other.high, other.low) }
}

extension TokenizedPair {
  /// Hashes ids and targets of both sides.
  func update(_ hash: inout SHA256) {
    for (ids, targets) in [(chosenIDs, chosenTargets), (rejectedIDs, rejectedTargets)] {
      // The length in front keeps neighbouring lists from running into each other.
      Swift.withUnsafeBytes(of: UInt64(ids.count)) { hash.update($0) }
      ids.withUnsafeBytes { hash.update($0) }
      targets.withUnsafeBytes { hash.update($0) }
    }
  }
}
