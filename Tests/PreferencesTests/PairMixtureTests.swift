import Preferences
import Testing

@Suite("Mixing several files")
struct PairMixtureTests {
  /// How often each pair comes in an epoch, by file.
  private func counts(_ mixture: PairMixture, epochs: Range<Int>, seed: UInt64 = 7, shuffles: Bool = true) -> [[Int]] {
    var counts = mixture.parts.map { [Int](repeating: 0, count: $0.size) }
    for epoch in epochs {
      for place in mixture.order(ofEpoch: epoch, shuffles: shuffles, seed: seed) {
        var (file, rest) = (0, place)
        while rest >= counts[file].count {
          rest -= counts[file].count
          file += 1
        }
        counts[file][rest] += 1
      }
    }
    return counts
  }

  private func file(of place: Int, in mixture: PairMixture) -> Int {
    var end = 0
    return mixture.parts.firstIndex { part in
      end += part.size
      return place < end
    } ?? -1
  }

  @Test func `Files without weights are as one file`() {
    let mixture = PairMixture(sizes: [5, 9], amounts: [.all, .all])
    for epoch in 0..<3 {
      #expect(
        mixture.order(ofEpoch: epoch, shuffles: true, seed: 3) == permutation(count: 14, seed: 3, epoch: epoch))
    }
    #expect(mixture.order(ofEpoch: 1, shuffles: false, seed: 3) == Array(0..<14))
    #expect(mixture == PairMixture(sizes: [5, 9]))
  }

  @Test(
    arguments: [
      // sizes, weights, what an epoch takes until a file is used up, and until all are
      ([600, 200], [0.5, 0.5], [200, 200], [600, 600]),
      ([600, 200], [3, 1], [600, 200], [600, 200]),
      ([1000, 100, 10], [0.7, 0.2, 0.1], [70, 20, 10], [1000, 286, 143]),
      ([7, 5], [1, 3], [2, 5], [7, 21]),
      ([1000, 1], [0.999, 0.001], [999, 1], [1000, 1]),
    ] as [([Int], [Double], [Int], [Int])])
  func `Weights are exact shares, to the pair`(_ sizes: [Int], _ weights: [Double], _ under: [Int], _ over: [Int]) {
    let amounts = weights.map(PairSource.Amount.weight)
    for (strategy, expected) in [(PairMixture.Strategy.under, under), (.over, over)] {
      let mixture = PairMixture(sizes: sizes, amounts: amounts, strategy: strategy)
      #expect(mixture.parts.map(\.drawn) == expected)
      #expect(mixture.count == expected.reduce(0, +))
      for epoch in 0..<3 {
        let drawn = counts(mixture, epochs: epoch..<epoch + 1).map { $0.reduce(0, +) }
        #expect(drawn == expected)
      }
    }
  }

  @Test func `Over the epochs no pair of a file comes more than once oftener than another`() {
    for (sizes, amounts) in [
      ([600, 200], [.weight(0.5), .weight(0.5)]), ([41, 7, 13], [.weight(1), .weight(2), .weight(5)]),
      ([10, 3], [.all, .count(7)]),
    ] as [([Int], [PairSource.Amount])] {
      for strategy in PairMixture.Strategy.allCases {
        for epochs in 1...5 {
          for file in counts(PairMixture(sizes: sizes, amounts: amounts, strategy: strategy), epochs: 0..<epochs) {
            #expect((file.max() ?? 0) - (file.min() ?? 0) <= 1)
          }
        }
      }
    }
  }

  @Test(arguments: [(514, 334), (100, 99), (10, 3), (7, 7), (1000, 1)])
  func `No pair repeats within an epoch of which its file has enough`(_ size: Int, _ drawn: Int) {
    let mixture = PairMixture(sizes: [size, drawn], amounts: [.weight(1), .weight(1)])
    #expect(mixture.parts[0].drawn == drawn)
    for epoch in 0..<12 {
      let order = mixture.order(ofEpoch: epoch, shuffles: true, seed: 11)
      #expect(Set(order).count == order.count)
    }
  }

  @Test func `Every stretch of a weighted epoch has the shares, to within one pair of each file`() {
    let mixture = PairMixture(sizes: [900, 90, 200], amounts: [.weight(0.6), .weight(0.1), .weight(0.3)])
    let order = mixture.order(ofEpoch: 0, shuffles: true, seed: 5).map { file(of: $0, in: mixture) }
    var taken = [0, 0, 0]
    for (place, file) in order.enumerated() {
      taken[file] += 1
      for (part, count) in zip(mixture.parts, taken) {
        #expect(abs(Double(count) - Double(place + 1) * Double(part.drawn) / Double(order.count)) < 1.5)
      }
    }
  }

  @Test func `Seeds and epochs bring other pairs of a larger file, and the same again`() {
    let mixture = PairMixture(sizes: [1000, 10], amounts: [.weight(1), .weight(1)])
    let orders = [(1, 0), (1, 1), (2, 0)].map { mixture.order(ofEpoch: $0.1, shuffles: true, seed: UInt64($0.0)) }
    #expect(Set(orders.map { Set($0.filter { $0 < 1000 }) }).count == 3)
    #expect(Set(orders[0]).isDisjoint(with: Set(orders[1]).filter { $0 < 1000 }))
    #expect(mixture.order(ofEpoch: 0, shuffles: true, seed: 1) == orders[0])
  }

  @Test func `Without shuffling, each file goes on in its order`() {
    let mixture = PairMixture(sizes: [6, 2], amounts: [.weight(1), .weight(1)])
    #expect(
      (0..<3).map { mixture.order(ofEpoch: $0, shuffles: false, seed: 1) } == [
        [0, 6, 1, 7], [2, 6, 3, 7], [4, 6, 5, 7],
      ])
  }

  @Test func `A number of pairs above the file's repeats them, beside whole files`() {
    let mixture = PairMixture(sizes: [4, 3], amounts: [.all, .count(8)])
    #expect(mixture.count == 12)
    #expect(counts(mixture, epochs: 0..<1)[0] == [1, 1, 1, 1])
    #expect(counts(mixture, epochs: 0..<1)[1].sorted() == [2, 3, 3])
    #expect(counts(mixture, epochs: 0..<3)[1] == [8, 8, 8])
  }

  @Test func `Steps take the epoch's pairs in order, whatever their size`() {
    let mixture = PairMixture(sizes: [50, 9], amounts: [.weight(2), .weight(1)])
    func plan(_ batch: Int) -> BatchPlan { BatchPlan(mixture: mixture, globalBatchSize: batch, epochs: 2, seed: 3) }
    let order = (0..<2).flatMap { mixture.order(ofEpoch: $0, shuffles: true, seed: 3) }
    for batch in [1, 4, 27, 100] {
      let steps = (1...plan(batch).totalSteps).map(plan(batch).pairs(ofStep:))
      #expect(steps.flatMap(\.self) == order)
      #expect(plan(batch).pairCount == 27)
      #expect(plan(batch).pairsOfRun == Set(order).sorted())
    }
    let short = BatchPlan(mixture: mixture, globalBatchSize: 4, epochs: 2, maxSteps: 2, seed: 3)
    #expect(short.pairsOfRun == order.prefix(8).sorted())
    #expect(BatchPlan(pairCount: 5, globalBatchSize: 2, epochs: 1, seed: 0).pairsOfRun == [0, 1, 2, 3, 4])
  }

  @Test func `A sample has so many pairs, none twice, in their order, and is another for another file or seed`() {
    let pairs = (0..<100).map {
      TokenizedPair(index: $0, chosenIDs: [], rejectedIDs: [], chosenTargets: [], rejectedTargets: [], sharedPrefix: 0)
    }
    let sample = pairs.sample(30, seed: 1, source: 0).map(\.index)
    #expect(sample.count == 30 && Set(sample).count == 30 && sample == sample.sorted())
    #expect(pairs.sample(30, seed: 1, source: 0).map(\.index) == sample)
    #expect(pairs.sample(30, seed: 1, source: 1).map(\.index) != sample)
    #expect(pairs.sample(30, seed: 2, source: 0).map(\.index) != sample)
    #expect(pairs.sample(100, seed: 1, source: 0) == pairs && pairs.sample(500, seed: 1, source: 0) == pairs)
  }
}
