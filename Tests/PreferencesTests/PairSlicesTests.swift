import Preferences
import Testing

@Suite("Slices of held-out pairs")
struct PairSlicesTests {
  private func pair(
    _ chosen: Int, _ rejected: Int, language: Language = .chinese, turns: Int = 1, source: Int = 0
  ) -> TokenizedPair {
    func targets(_ count: Int) -> [Bool] { [false] + [Bool](repeating: true, count: count) }
    return TokenizedPair(
      index: 0, chosenIDs: [Int32](repeating: 1, count: chosen + 1),
      rejectedIDs: [Int32](repeating: 2, count: rejected + 1),
      chosenTargets: targets(chosen), rejectedTargets: targets(rejected), sharedPrefix: 1, source: source, turns: turns,
      promptLanguage: language, answerLanguage: language)
  }

  @Test("Pairs are divided by each trait in which they differ, and by no other")
  func traits() {
    let pairs = [
      pair(10, 4), pair(3, 9, language: .latin), pair(20, 20, turns: 4), pair(30, 10, language: .latin, turns: 3),
      pair(2, 2, turns: 2, source: 5), pair(50, 60),
    ]
    let slices = PairSlice.slices(of: pairs, sources: ["a.jsonl"])
    func places(_ trait: PairSlice.Trait) -> [String: [Int]] {
      Dictionary(uniqueKeysWithValues: slices.filter { $0.trait == trait }.map { ($0.label, $0.places) })
    }
    #expect(
      places(.answerLength) == [
        "at most 6 tokens": [1, 4], "7 to 20 tokens": [0, 2, 3], "more than 20 tokens": [5],
      ])
    #expect(places(.longerAnswer) == ["chosen": [0, 3], "rejected": [1, 5], "neither": [2, 4]])
    #expect(places(.promptLanguage) == ["zh": [0, 2, 4, 5], "latin": [1, 3]])
    #expect(places(.answerLanguage).isEmpty, "the same slices as by the language of the prompt")
    #expect(places(.turns) == ["1": [0, 1, 5], "2": [4], "3 and more": [2, 3]])
    #expect(places(.source) == ["a.jsonl": [0, 1, 2, 3, 5], "file 6": [4]])
    #expect(PairSlice.slices(of: [pair(3, 2), pair(3, 2)]).isEmpty)
    #expect(PairSlice.slices(of: []).isEmpty)
  }

  @Test("Thirds by length are of equal size where lengths differ")
  func thirds() {
    let slices = PairSlice.slices(of: (1...30).map { pair($0, $0) }).filter { $0.trait == .answerLength }
    #expect(slices.map(\.places.count) == [10, 10, 10])
    #expect(slices.map(\.label) == ["at most 10 tokens", "11 to 20 tokens", "more than 20 tokens"])
  }
}
