import Preferences
import Testing

@Suite("Fair shares")
struct FairSharesTests {
  @Test(arguments: 1...5) func `Every piece of work is dealt exactly once, in ascending order`(ranks: Int) {
    var random = SeededGenerator(seed: 7)
    for count in [0, 1, 2, 3, 7, 40] {
      let costs = (0..<count).map { _ in 1 + random.below(1000) }
      let shares = fairShares(of: costs, among: ranks)
      #expect(shares.count == ranks)
      #expect(shares.flatMap(\.self).sorted() == Array(costs.indices))
      #expect(shares.allSatisfy { $0 == $0.sorted() })
    }
  }

  @Test func `One rank takes everything in the order given`() {
    #expect(fairShares(of: [3, 1, 2], among: 1) == [[0, 1, 2]])
  }

  @Test func `The fullest rank has no more than a pair's difference that an exchange could even out`() {
    var random = SeededGenerator(seed: 3)
    for ranks in 2...4 {
      for _ in 0..<50 {
        let costs = (0..<ranks * 4).map { _ in 50 + random.below(950) }
        let loads = fairShares(of: costs, among: ranks).map { $0.reduce(0) { $0 + costs[$1] } }
        let mean = Double(costs.reduce(0, +)) / Double(ranks)
        #expect(Double(loads.max() ?? 0) < 1.12 * mean, "\(loads)")
      }
    }
  }

  @Test func `Equal loads are found where they exist and greed alone misses them`() {
    // Largest first ends with 7 and 5; 3 + 3 against 2 + 2 + 2 takes an exchange.
    let costs = [3, 3, 2, 2, 2]
    let loads = fairShares(of: costs, among: 2).map { $0.reduce(0) { $0 + costs[$1] } }
    #expect(loads == [6, 6])
  }

  @Test func `More ranks than work leave some with nothing`() {
    let shares = fairShares(of: [5], among: 3)
    #expect(shares.filter(\.isEmpty).count == 2)
  }
}
