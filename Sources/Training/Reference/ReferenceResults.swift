import Checkpoints
import Files
import OrderedCollections
import Preferences
import Torch

/// The log-probabilities that are known of one reference model, by the content of the pairs: computed, taken from the cache
/// on disk, or read from a checkpoint.
///
/// The same pair has the same numbers for as long as this object lives, whatever they were needed for.
public final class ReferenceResults {
  private var known: [PairDigest: ReferenceSides] = [:]
  /// Those that the cache on disk knew when the run began. How the others are divided into micro-batches, and with that the
  /// last bits of their numbers, depends on it.
  private var recalled: Set<PairDigest> = []
  /// Those that the cache on disk does not have yet.
  private var unsaved: Set<PairDigest> = []
  /// Whether they began in an earlier process: the cache on disk may know more now than it did then, and is not asked again.
  private var areRestored = false

  /// Nothing is known yet.
  public init() {}

  /// The number of pairs that are known.
  public var count: Int { known.count }

  subscript(digest: PairDigest) -> ReferenceSides? { known[digest] }

  /// Whether the cache on disk knew a pair when the run began.
  func isRecalled(_ digest: PairDigest) -> Bool { recalled.contains(digest) }

  /// Keeps what was computed of a pair.
  func add(_ sides: ReferenceSides, for digest: PairDigest) {
    known[digest] = sides
    unsaved.insert(digest)
  }

  /// Gives all ranks what each has computed of these pairs, which none knew before; called by all with the same ones.
  ///
  /// - Returns: whether all of the pairs are known now
  func share(_ digests: [PairDigest], among ranks: Ranks?) throws(TorchError) -> Bool {
    if let ranks, !digests.isEmpty {
      // Each pair was computed by one rank, or, where that one is to stop, by none; the others add zeros.
      let all = try ranks.control.sum(numbers(digests))
      for (sides, digest) in zip(Self.sides(all), digests) {
        if let sides, known[digest] == nil { add(sides, for: digest) }
      }
    }
    return digests.allSatisfy { known[$0] != nil }
  }

  /// 1 and the two sides for each pair that is known, and three zeros for the others.
  private func numbers(_ digests: [PairDigest]) -> [Double] {
    digests.flatMap { known[$0].map { [1, $0.chosen, $0.rejected] } ?? [0, 0, 0] }
  }

  private static func sides(_ numbers: [Double]) -> [ReferenceSides?] {
    stride(from: 0, to: numbers.count, by: 3).map {
      numbers[$0] > 0 ? ReferenceSides(chosen: numbers[$0 + 1], rejected: numbers[$0 + 2]) : nil
    }
  }
}

/// The cache on disk, which the first rank reads and writes.
extension ReferenceResults {
  /// A cache, and the key of this reference model in it.
  struct Store {
    let cache: ReferenceCache
    let key: SHA256.Digest
    let report: (ReferenceCache.Event) -> Void
  }

  /// Takes from disk what is not known yet; called by all ranks with the same pairs.
  ///
  /// - Parameter store: nil on all ranks but the first, and without a cache
  /// - Returns: how many pairs were found
  func recall(_ digests: [PairDigest], from store: Store?, ranks: Ranks?) throws(TorchError) -> Int {
    let missing = digests.filter { known[$0] == nil }
    if areRestored || missing.isEmpty { return 0 }
    var numbers: [Double] = []
    if let store {
      let records = store.cache.records(store.key, report: store.report)
      numbers = missing.flatMap { records[$0].map { [1, $0.chosen, $0.rejected] } ?? [0, 0, 0] }
    }
    var found = 0
    for (sides, digest) in zip(Self.sides(try ranks.broadcast(numbers)), missing) {
      guard let sides else { continue }
      known[digest] = sides
      recalled.insert(digest)
      found += 1
    }
    return found
  }

  /// Adds to the cache on disk what it does not have.
  func save(to store: Store) {
    store.cache.add(known.filter { unsaved.contains($0.key) }, store.key, report: store.report)
    unsaved = []
  }
}

/// A run that resumes takes what was known along: computed again in other company, the numbers would differ in their last
/// bits.
extension ReferenceResults {
  private static let digestsName = "pairs"
  private static let sidesName = "log_probabilities"
  private static let recalledName = "recalled"

  /// `pairs`, `[n, 2]`, the halves of the digests; `log_probabilities`, `[n, 2]`, chosen sides first; and `recalled`, `[n]`:
  /// 1 for what the cache on disk knew. Ordered by digest, so that the file does not tell how the work was divided.
  func tensors() throws(TorchError) -> OrderedDictionary<String, Tensor> {
    let sorted = known.sorted { $0.key < $1.key }
    return [
      Self.digestsName: try Tensor(
        sorted.flatMap { [Int(truncatingIfNeeded: $0.key.high), Int(truncatingIfNeeded: $0.key.low)] },
        shape: [sorted.count, 2]),
      Self.sidesName: try Tensor(sorted.flatMap { [$0.value.chosen, $0.value.rejected] }, shape: [sorted.count, 2]),
      Self.recalledName: try Tensor(sorted.map { recalled.contains($0.key) ? 1 : 0 }),
    ]
  }

  /// Takes what an earlier process knew of the same model, read by one rank; called by all.
  ///
  /// - Parameter file: nil on all ranks but the reader, and where nothing was kept
  func restore(_ file: SafetensorsFile?, reader: Int, ranks: Ranks?) throws {
    var words: [UInt64] = []
    if let file {
      let digests = try file.tensor(Self.digestsName).array(Int.self)
      let sides = try file.tensor(Self.sidesName).array(Double.self)
      let recalled = try file.tensor(Self.recalledName).array(Int.self)
      for (place, flag) in recalled.enumerated() where 2 * place + 1 < min(digests.count, sides.count) {
        words += digests[2 * place...2 * place + 1].map { UInt64(truncatingIfNeeded: $0) }
        words += sides[2 * place...2 * place + 1].map(\.bitPattern)
        words.append(UInt64(flag == 0 ? 0 : 1))
      }
    }
    let bytes = try ranks.broadcast(words.withUnsafeBytes { Array($0) }, from: reader)
    words = bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self) }
    }
    for place in stride(from: 0, to: words.count, by: 5) {
      let digest = PairDigest(high: words[place], low: words[place + 1])
      known[digest] = ReferenceSides(
        chosen: Double(bitPattern: words[place + 2]), rejected: Double(bitPattern: words[place + 3]))
      if words[place + 4] > 0 { recalled.insert(digest) }
    }
    areRestored = areRestored || !words.isEmpty
  }
}
