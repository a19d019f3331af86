/// How the pairs of several files make up an epoch: how many of each, which, and in what order. A pure function of sizes,
/// amounts and seed; it does not depend on the number of ranks.
///
/// Files without weights are as one file: every pair once an epoch, in a new order each time. Weights are the exact shares
/// of an epoch, to the pair. Its length is decided by one file whose pairs all come exactly once:
/// - under: the file that is used up first, so that no pair repeats within an epoch (`first_exhausted` of
///   `datasets.interleave_datasets`, `interleave_under` of LLaMA-Factory, https://huggingface.co/docs/datasets/process#interleave);
/// - over: the file that is used up last, so that every pair occurs and those of the other files repeat (`all_exhausted`,
///   `interleave_over`).
///
/// These draw at random, and know shares and length only on average. Here each file is gone through in a shuffled order of
/// its own that goes on from epoch to epoch, so that over a run none of its pairs comes more than once oftener than another:
/// what an epoch leaves out of a larger file, the next ones take. Weighted files are interleaved evenly, so that every batch
/// has their shares as exactly as its size allows.
public struct PairMixture: Hashable, Sendable, CustomStringConvertible {
  /// What decides the length of an epoch of weighted files.
  public enum Strategy: String, CaseIterable, Hashable, Sendable {
    /// The file that is used up first.
    case under = "interleave_under"
    /// The file that is used up last.
    case over = "interleave_over"
  }

  /// The pairs of one file.
  public struct Part: Hashable, Sendable {
    /// How many there are.
    public let size: Int
    /// How many of them an epoch takes.
    public let drawn: Int
  }

  /// The files, in order.
  public let parts: [Part]
  private let isWeighted: Bool

  /// Files without weights, each pair once an epoch.
  public init(sizes: [Int]) {
    parts = sizes.map { Part(size: $0, drawn: $0) }
    isWeighted = false
  }

  /// Files with amounts.
  /// - Parameters:
  ///   - sizes: how many pairs of each file can be learned from, at least 1.
  ///   - amounts: how much of each an epoch takes: weights for all of them, or for none.
  ///   - strategy: what decides the length of an epoch of weighted files.
  public init(sizes: [Int], amounts: [PairSource.Amount], strategy: Strategy = .under) {
    let weights = amounts.compactMap { if case .weight(let weight) = $0 { weight } else { nil } }
    isWeighted = weights.count == amounts.count && weights.count > 1
    guard isWeighted else {
      parts = zip(sizes, amounts).map { size, amount in
        if case .count(let count) = amount { Part(size: size, drawn: count) } else { Part(size: size, drawn: size) }
      }
      return
    }
    let lengths = zip(sizes, weights).map { Double($0) / $1 }
    let length = (strategy == .under ? lengths.min() : lengths.max()) ?? 0
    parts = zip(sizes, weights).map { Part(size: $0, drawn: max(1, Int(($1 * length).rounded()))) }
  }

  /// What an epoch takes of each file, for comparing runs and ranks.
  public var description: String {
    parts.map { "\($0.drawn) of \($0.size)" }.joined(separator: ", ") + (isWeighted ? ", interleaved" : "")
  }

  /// Pairs of an epoch.
  public var count: Int { parts.reduce(0) { $0 + $1.drawn } }
  /// Whether an epoch takes every pair exactly once.
  public var isPlain: Bool { parts.allSatisfy { $0.drawn == $0.size } && !isWeighted }

  /// The pairs of an epoch in their order, as places among the pairs of all files one after the other.
  /// - Parameters:
  ///   - epoch: counted from 0.
  ///   - shuffles: whether pairs come in a new order every epoch, or in file order.
  public func order(ofEpoch epoch: Int, shuffles: Bool, seed: UInt64) -> [Int] {
    if isPlain { return shuffles ? permutation(count: count, seed: seed, epoch: epoch) : Array(0..<count) }
    var start = 0
    var drawn: [[Int]] = []
    for (number, part) in parts.enumerated() {
      drawn.append(places(of: part, number: number, epoch: epoch, shuffles: shuffles, seed: seed).map { start + $0 })
      start += part.size
    }
    if isWeighted { return Self.interleaved(drawn) }
    let all = drawn.flatMap(\.self)
    return shuffles ? permutation(count: all.count, seed: seed, epoch: epoch).map { all[$0] } : all
  }

  /// What an epoch draws from a part: the next pairs of its rounds, each a shuffle of all of them.
  private func places(of part: Part, number: Int, epoch: Int, shuffles: Bool, seed: UInt64) -> [Int] {
    let wanted = epoch * part.drawn..<(epoch + 1) * part.drawn
    var places: [Int] = []
    places.reserveCapacity(part.drawn)
    var position = wanted.lowerBound
    while position < wanted.upperBound {
      let (round, offset) = position.quotientAndRemainder(dividingBy: part.size)
      let end = min(part.size, offset + wanted.upperBound - position)
      let order = shuffles ? Self.order(ofRound: round, of: part, number: number, seed: seed) : Array(0..<part.size)
      places += order[offset..<end]
      position += end - offset
    }
    return places
  }

  /// The order of a round: a shuffle by the stream 0x736F000000000000 ("so") + number · 2³² + round of the seed.
  ///
  /// Where an epoch goes on from one round into the next, what it has had of the first comes last in the second: so no pair
  /// repeats within an epoch that takes fewer than there are.
  private static func order(ofRound round: Int, of part: Part, number: Int, seed: UInt64) -> [Int] {
    func shuffled(_ round: Int) -> [Int] {
      permutation(
        count: part.size, seed: seed, stream: 0x736F_0000_0000_0000 | UInt64(number) << 32 | UInt64(round))
    }
    guard part.drawn < part.size else { return shuffled(round) }
    var order = shuffled(0)
    for next in stride(from: 1, through: round, by: 1) {
      let had = Set(order.suffix(next * part.size % part.drawn))
      let fresh = shuffled(next)
      order = fresh.filter { !had.contains($0) } + fresh.filter(had.contains)
    }
    return order
  }

  /// Lists merged evenly: the k-th of n stands at (k + ½) / n of the whole; the earlier list goes first where two stand alike.
  private static func interleaved(_ lists: [[Int]]) -> [Int] {
    var next = [Int](repeating: 0, count: lists.count)
    let total = lists.reduce(0) { $0 + $1.count }
    return (0..<total).map { _ in
      var best = -1
      for list in lists.indices where next[list] < lists[list].count {
        // (2k + 1) / 2n, compared crosswise: exact.
        let isEarlier =
          best < 0
          || (2 * next[list] + 1) * lists[best].count < (2 * next[best] + 1) * lists[list].count
        if isEarlier { best = list }
      }
      next[best] += 1
      return lists[best][next[best] - 1]
    }
  }
}
