import Crypto
import Foundation
import Preferences

extension [TokenizedPair] {
  /// A SHA-256 over ids, masks and order: two runs with the same one learn from the same pairs.
  public var contentHash: String {
    var hash = SHA256()
    for pair in self {
      for (ids, targets) in [(pair.chosenIDs, pair.chosenTargets), (pair.rejectedIDs, pair.rejectedTargets)] {
        // The length in front keeps neighbouring lists from running into each other.
        Swift.withUnsafeBytes(of: UInt64(ids.count)) { hash.update(bufferPointer: $0) }
        ids.withUnsafeBytes { hash.update(bufferPointer: $0) }
        targets.withUnsafeBytes { hash.update(bufferPointer: $0) }
      }
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}
