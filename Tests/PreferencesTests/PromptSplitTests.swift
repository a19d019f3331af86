import Preferences
import Testing

@Suite("Holding out pairs by prompt")
struct PromptSplitTests {
  /// Pairs by the number of their prompt.
  private func pairs(_ prompts: [Int]) -> [TokenizedPair] {
    prompts.enumerated().map { index, prompt in
      TokenizedPair(
        index: index, chosenIDs: [], rejectedIDs: [], chosenTargets: [], rejectedTargets: [], sharedPrefix: 0,
        promptKey: UInt64(prompt) &* 0x9E37_79B9_7F4A_7C15)
    }
  }

  @Test func `A size is a share or a number of pairs`() {
    #expect(HeldOutSize("0.02") == .share(0.02))
    #expect(HeldOutSize("500") == .count(500))
    for wrong in ["0", "1.5", "-1", "0.0", "x", "", "nan", "-0.1"] { #expect(HeldOutSize(wrong) == nil) }
  }

  @Test(
    arguments: [(.share(0.1), 100), (.share(0.02), 20), (.count(7), 7), (.share(0.0001), 1), (.count(999), 999)]
      as [(HeldOutSize, Int)])
  func `One pair a prompt is split exactly`(_ size: HeldOutSize, _ expected: Int) throws {
    let all = pairs(Array(0..<1000))
    let (training, heldOut) = try all.splitByPrompt(size, seed: 42)
    #expect(heldOut.count == expected)
    #expect((training + heldOut).map(\.index).sorted() == Array(0..<1000))
    #expect(training.map(\.index) == training.map(\.index).sorted())
  }

  @Test func `No prompt is on both sides, whatever the seed`() throws {
    let all = pairs((0..<400).map { $0 * $0 % 61 })  // prompts with 1 to 14 pairs
    for seed in 0..<20 {
      let (training, heldOut) = try all.splitByPrompt(.share(0.2), seed: UInt64(seed))
      #expect(Set(training.map(\.promptKey)).isDisjoint(with: heldOut.map(\.promptKey)))
      #expect(training.count + heldOut.count == 400)
      #expect((80 - 14...80).contains(heldOut.count))
    }
  }

  @Test func `Seeds give other splits, and the same again`() throws {
    let all = pairs(Array(0..<200))
    func heldOut(_ seed: UInt64) throws -> [Int] { try all.splitByPrompt(.count(20), seed: seed).heldOut.map(\.index) }
    #expect(try heldOut(1) == heldOut(1))
    #expect(try heldOut(1) != heldOut(2))
  }

  @Test func `Prompts stay on their side when other pairs are added or come in another order`() throws {
    let old = try pairs(Array(0..<200)).splitByPrompt(.share(0.1), seed: 5).heldOut.map(\.promptKey)
    let more = try pairs(Array((0..<220).reversed())).splitByPrompt(.share(0.1), seed: 5).heldOut.map(\.promptKey)
    #expect(Set(old).intersection(more).count >= 17)
  }

  @Test func `Of large prompts the smallest is held out rather than none`() throws {
    let (training, heldOut) = try pairs([0, 0, 0, 0, 0, 0, 1, 1, 1]).splitByPrompt(.share(0.1), seed: 1)
    #expect(heldOut.map(\.index) == [6, 7, 8])
    #expect(training.count == 6)
  }

  @Test func `What cannot be split is refused with the reason`() {
    #expect(throws: PromptSplitError.onePrompt(pairs: 3)) { try pairs([4, 4, 4]).splitByPrompt(.count(1), seed: 1) }
    #expect(throws: PromptSplitError.tooMany(wanted: 2, pairs: 2)) {
      try pairs([1, 2]).splitByPrompt(.count(2), seed: 1)
    }
    #expect(throws: PromptSplitError.tooMany(wanted: 1, pairs: 1)) {
      try pairs([1]).splitByPrompt(.share(0.02), seed: 1)
    }
    #expect("\(PromptSplitError.onePrompt(pairs: 3))".contains("--eval-data"))
  }
}
