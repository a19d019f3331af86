import Preferences
import Testing

struct SeededGeneratorTests {
  /// The widely published first numbers of SplitMix64 for this seed.
  @Test func `Stream 0 is plain SplitMix64`() {
    var generator = SeededGenerator(seed: 1_234_567)
    let numbers = (0..<5).map { _ in generator.next() }
    #expect(
      numbers == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

  /// Computed with the Python of the generator's documentation.
  @Test func `Permutations and units are those of the documented Python`() {
    #expect(permutation(count: 10, seed: 42, epoch: 0) == [8, 3, 6, 5, 4, 0, 9, 2, 1, 7])
    #expect(permutation(count: 10, seed: 42, epoch: 1) == [1, 5, 7, 4, 2, 9, 0, 6, 3, 8])
    #expect(permutation(count: 10, seed: 43, epoch: 0) == [4, 9, 2, 1, 6, 0, 8, 3, 5, 7])
    var generator = SeededGenerator(seed: 7)
    #expect(generator.unit() == 0.3898297483912715)
    #expect(generator.unit() == 0.01678829452815611)
  }

  @Test(arguments: [0, 1, 2, 1000]) func `A permutation holds every index once`(count: Int) {
    #expect(permutation(count: count, seed: 3, epoch: 5).sorted() == Array(0..<count))
  }

  @Test func `Numbers below a bound stay below it and reach every value`() {
    var generator = SeededGenerator(seed: 0, stream: 9)
    var seen: Set<Int> = []
    for _ in 0..<1000 { seen.insert(generator.below(7)) }
    #expect(seen == Set(0..<7))
  }

  @Test func `Random deletion of thinking blocks is decided per pair, in 80 percent`() {
    let options = PairOptions(emptyThink: .random, seed: 42)
    let first = (0..<12).map { options.dropsEmptyThink(ofPair: $0) }
    #expect(first == [true, false, true, true, true, true, true, true, true, true, true, true])
    #expect((0..<10_000).count { options.dropsEmptyThink(ofPair: $0) } == 8051)
  }
}
