import Preferences
import Testing

@Suite("Capacities of padded micro-batches")
struct BatchCapacityTests {
  @Test("Token counts grow in eighths of a power of two, in multiples of 128")
  func tokenCounts() {
    var counts: [Int] = []
    for count in 0...4096 where BatchBuckets.tokens(atLeast: count) != counts.last {
      counts.append(BatchBuckets.tokens(atLeast: count))
    }
    #expect(
      counts == [
        512, 640, 768, 896, 1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048, 2304, 2560, 2816, 3072, 3328, 3584,
        3840,
        4096,
      ])
    for count in stride(from: 1024, through: 200_000, by: 77) {
      let size = BatchBuckets.tokens(atLeast: count)
      #expect(size >= count && size.isMultiple(of: 128) && 8 * size <= 9 * count + 1024)
      #expect(BatchBuckets.tokens(atLeast: size) == size)
    }
  }

  @Test("A bucket holds its batch, and padding covers its tokens", arguments: [true, false])
  func holds(sharesPrefix: Bool) throws {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<100 {
      let longest = 1 + random.below(900)
      var pairs = (0..<1 + random.below(12)).map { somePair($0, longest: longest, from: &random) }
      pairs = sharingPrompts(pairs)
      let batch = TreeBatch(pairs, sharesPrefix: sharesPrefix)
      let capacity = BatchBuckets(longestSide: longest, mostPairs: 12).capacity(for: batch)
      let padded = try batch.padded(to: capacity)
      #expect(padded.tokens.count == capacity.tokens && padded.positions.count == capacity.tokens)
      #expect(padded.trees.reduce(0) { $0 + $1.count } == capacity.tokens)
      #expect(
        padded.trees.allSatisfy {
          $0.longestSide <= capacity.longest && $0.branches.count <= 1 + capacity.furtherBranches
        })
      #expect(padded.trees.reduce(0) { $0 + max(1, $1.branches.count) } <= capacity.sequences)
      #expect(padded.trees.reduce(0) { $0 + $1.count + $1.prefix * max(0, $1.branches.count - 1) } <= capacity.keyRows)
      #expect(padded.rows.count == capacity.predictions && padded.targets.count == capacity.predictions)
      #expect(padded.predictions.count == capacity.predictions)
      #expect(padded.terms.count == capacity.terms && padded.sides.count == capacity.terms)
      #expect(padded.pairWeights.count == capacity.pairs && padded.targetCounts.count == 2 * capacity.pairs)
      #expect(padded.pairWeights.reduce(0, +) == pairs.count)
      #expect(padded.tokens.starts(with: batch.tokens) && padded.positions.starts(with: batch.positions))
      #expect(padded.trees.starts(with: batch.trees))
    }
  }

  @Test("The predictions that count towards a side are those of the batch as it is", arguments: [true, false])
  func sameTerms(sharesPrefix: Bool) throws {
    var random = SeededGenerator(seed: 12)
    for _ in 0..<100 {
      let pairs = sharingPrompts((0..<1 + random.below(6)).map { somePair($0, longest: 40, from: &random) })
      let batch = TreeBatch(pairs, sharesPrefix: sharesPrefix)
      let capacity = BatchBuckets(longestSide: 40, mostPairs: 9).capacity(for: batch)
      let padded = try terms(of: batch.padded(to: capacity))
      let exact = terms(of: batch)
      #expect(exact.count == 2 * pairs.count && exact.allSatisfy { !$0.isEmpty })
      #expect(padded[..<pairs.count] == exact[..<pairs.count])
      #expect(padded[capacity.pairs..<capacity.pairs + pairs.count] == exact[pairs.count...])
      #expect(padded.map(\.count).reduce(0, +) == exact.map(\.count).reduce(0, +))
    }
  }

  /// For each side the tokens that predict, with what they predict.
  private func terms(of batch: TreeBatch) -> [[[Int]]] {
    var terms = [[[Int]]](repeating: [], count: 2 * batch.pairCapacity)
    for (term, side) in zip(batch.terms, batch.sides) where side < 2 * batch.pairCapacity {
      terms[side].append([batch.rows[batch.predictions[term]], batch.targets[term]])
    }
    return terms
  }

  @Test("A batch of no pairs, and one too large")
  func extremes() throws {
    let nothing = TreeBatch([])
    let capacity = BatchBuckets(longestSide: 10, mostPairs: 4).capacity(for: nothing)
    #expect(try nothing.padded(to: capacity).tokens == [Int](repeating: 0, count: 512))
    var random = SeededGenerator(seed: 1)
    let batch = TreeBatch([somePair(0, longest: 30, from: &random)])
    let small = BatchCapacity(tokens: batch.tokens.count - 1, pairs: 1, predictions: 100, longest: 200)
    let error = #expect(throws: BatchCapacityError.self) { try batch.padded(to: small) }
    #expect(error?.quantity == "tokens" && error?.needed == batch.tokens.count)
  }
}

/// A pair with targets in its tails, or in all of it.
private func somePair(_ index: Int, longest: Int, from random: inout SeededGenerator) -> TokenizedPair {
  let prefix = 1 + random.below(longest)
  let shared = (0..<prefix).map { _ in Int32(random.below(50)) }
  let sharedTargets = (0..<prefix).map { $0 > 0 && index % 3 == 0 }
  let sides = (0..<2).map { _ in
    let count = 1 + random.below(longest)
    return (
      shared + (0..<count).map { _ in Int32(random.below(50)) }, sharedTargets + [Bool](repeating: true, count: count)
    )
  }
  return TokenizedPair(
    index: index, chosenIDs: sides[0].0, rejectedIDs: sides[1].0, chosenTargets: sides[0].1,
    rejectedTargets: sides[1].1, sharedPrefix: prefix)
}

/// The pairs, but that every second one is the one before with its answers exchanged: each answer then counts for two sides,
/// and what they share for four.
private func sharingPrompts(_ pairs: [TokenizedPair]) -> [TokenizedPair] {
  pairs.indices.map { place in
    let pair = pairs[place / 2 * 2]
    let isSecond = place % 2 == 1
    return TokenizedPair(
      index: place, chosenIDs: isSecond ? pair.rejectedIDs : pair.chosenIDs,
      rejectedIDs: isSecond ? pair.chosenIDs : pair.rejectedIDs,
      chosenTargets: isSecond ? pair.rejectedTargets : pair.chosenTargets,
      rejectedTargets: isSecond ? pair.chosenTargets : pair.rejectedTargets, sharedPrefix: pair.sharedPrefix,
      promptKey: UInt64(1 + place / 2))
  }
}
