/// Finds pairs that are nearly the same as an earlier one, in time that grows with the text and not with the square of the
/// number of pairs: MinHash (Broder: "On the resemblance and containment of documents", 1997) with one hash per shingle
/// (Li, Owen, Zhang: "One permutation hashing", 2012), and locality-sensitive buckets. What shares a bucket is compared.
///
/// Two pairs are near duplicates where each of their three texts (prompt, chosen, rejected) has a resemblance of at least
/// `threshold` with its counterpart, and the same numbers.
enum NearDuplicates {
  /// The least resemblance (Jaccard) of shingles.
  static let threshold = 0.85
  /// Buckets that a pair is looked up in. Two texts of resemblance s share one with probability 1 − (1 − s⁴)ⁿ: 0.99999 at
  /// the threshold.
  private static let bands = 16

  /// For each near duplicate the earlier pair that it resembles.
  /// - Parameter excluding: pairs that are not looked at.
  static func originals(in texts: [PairText], excluding: Set<Int>) -> [Int: Int] {
    let keys = parallelMap(count: texts.count) { excluding.contains($0) ? [] : bandKeys(of: texts[$0]) }
    var buckets = [[UInt64: Int32]](repeating: [:], count: bands)
    var originals: [Int: Int] = [:]
    for index in texts.indices where !excluding.contains(index) {
      var candidates: Set<Int> = []
      for (band, key) in keys[index].enumerated() {
        if let earlier = buckets[band][key] { candidates.insert(Int(earlier)) }
      }
      if let original = candidates.sorted().first(where: { areAlike(texts[$0], texts[index]) }) {
        originals[index] = original
        continue
      }
      // The first pair of a bucket stands for it, so that a bucket never makes more than one comparison.
      for (band, key) in keys[index].enumerated() where buckets[band][key] == nil {
        buckets[band][key] = Int32(index)
      }
    }
    return originals
  }

  private static func areAlike(_ one: PairText, _ other: PairText) -> Bool {
    zip([one.prompt, one.chosen, one.rejected], [other.prompt, other.chosen, other.rejected]).allSatisfy { one, other in
      let (one, other) = (Shingles(of: one), Shingles(of: other))
      return one.numbers == other.numbers && one.resemblance(to: other) >= threshold
    }
  }

  /// A key for each band: two rows of the prompt's signature and two of the answers'.
  private static func bandKeys(of text: PairText) -> [UInt64] {
    let prompt = signature(of: Shingles(of: text.prompt).hashes)
    let answers = signature(of: Shingles(of: text.chosen).hashes + Shingles(of: text.rejected).hashes)
    return (0..<bands).map { band in
      var key = UInt64(band)
      for row in [2 * band, 2 * band + 1] {
        key = SeededGenerator.mix(key &+ prompt[row])
        key = SeededGenerator.mix(key &+ answers[row])
      }
      return key
    }
  }

  /// The least hash in each of as many bins as there are rows. An empty bin takes that of the next one that is not.
  private static func signature(of hashes: [UInt64]) -> [UInt64] {
    let rows = 2 * bands
    var least = [UInt64](repeating: .max, count: rows)
    for hash in hashes {
      let row = Int(hash % UInt64(rows))
      least[row] = min(least[row], hash)
    }
    guard !hashes.isEmpty else { return least }
    return (0..<rows).map { row in
      var place = row
      while least[place] == .max { place = (place + 1) % rows }
      return least[place]
    }
  }
}
