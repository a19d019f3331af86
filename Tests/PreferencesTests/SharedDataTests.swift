import Foundation
import Preferences
import Testing
import Tokenization

/// 600 real pairs with MiniMind's own tokenizer, which are not part of the project: in the folder that the environment
/// variable MINIMIND_SHARED names, else in `shared` beside the checkout.
enum Shared {
  static let folder = URL(
    fileURLWithPath: ProcessInfo.processInfo.environment["MINIMIND_SHARED"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path)
  static let pairs = folder.appendingPathComponent("data/dpo_en_zh_600.jsonl")
  static let tokenizer = folder.appendingPathComponent("minimind")
  static let isThere = FileManager.default.fileExists(atPath: pairs.path)
}

@Suite(
  .enabled(
    if: Shared.isThere, "needs MiniMind's data: set MINIMIND_SHARED to the folder that holds data/ and minimind/"))
struct SharedDataTests {
  private func tokenized(_ options: PairOptions) throws -> (pairs: [PreferencePair], tokenized: TokenizedPairs) {
    let pairs = try PreferenceFile(contentsOf: Shared.pairs).pairs
    let tokenizer = try PairTokenizer(
      tokenizer: Tokenizer(folder: Shared.tokenizer), template: ChatTemplate(folder: Shared.tokenizer),
      startOfText: "<|im_start|>", endOfText: "<|im_end|>", options: options)
    return (pairs, try tokenizer.tokenize(pairs))
  }

  /// The digests were computed from what Tools/reference/minimind_pairs.py writes for this file (transformers 5.24):
  /// over all pairs in order and, of each, chosen_ids, rejected_ids, chosen_mask, rejected_mask, shared_prefix and
  /// dropped (0 or 1), h = (h ^ value) * 0x100000001B3 modulo 2⁶⁴ from h = 0xCBF29CE484222325.
  @Test(arguments: [
    (PairOptions.EmptyThink.keep, PairOptions.CompletionMask.lastTurns, 0x97ff_1655_4d11_fbd0 as UInt64),
    (.keep, .all, 0xdc99_47fd_6975_6466),
    (.drop, .lastTurns, 0xef96_e1ca_0c89_57b7),
    (.drop, .all, 0x4495_4840_2ad7_1e4d),
  ])
  func `All 600 pairs are what transformers makes of them`(
    think: PairOptions.EmptyThink, mask: PairOptions.CompletionMask, expected: UInt64
  ) throws {
    let tokenized = try tokenized(PairOptions(maxLength: 1024, emptyThink: think, completionMask: mask)).tokenized
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ values: some Sequence<Int>) {
      for value in values { digest = (digest ^ UInt64(value)) &* 0x100_0000_01B3 }
    }
    for pair in tokenized.pairs {
      add(pair.chosenIDs.map(Int.init))
      add(pair.rejectedIDs.map(Int.init))
      add(pair.chosenTargets.map { $0 ? 1 : 0 })
      add(pair.rejectedTargets.map { $0 ? 1 : 0 })
      add([pair.sharedPrefix, pair.dropReason == nil ? 0 : 1])
    }
    #expect(digest == expected)
  }

  /// MiniMind's facts, measured with its own code.
  @Test func `The numbers are MiniMind's own`() throws {
    let (pairs, tokenized) = try tokenized(PairOptions(maxLength: 1024, emptyThink: .keep))
    let statistics = PairStatistics(pairs: pairs, tokenized: tokenized)
    #expect(statistics.pairs == 600)
    #expect(statistics.tokens == 701_040)
    #expect(statistics.treeTokens == 509_583)
    #expect(statistics.paddedTokens == 1_227_600)
    #expect(statistics.dropped == [.identicalAfterTruncation: 81])
    #expect(statistics.targetTokens == 319_042)  // as the script above counts them
    #expect(statistics.differingPrompts == 0)
    #expect(try #require(tokenized.largestID) < 6400)
  }

  @Test func `Random thinking blocks are the kept or the dropped form, pair by pair`() throws {
    let kept = try tokenized(PairOptions(emptyThink: .keep)).tokenized.pairs
    let dropped = try tokenized(PairOptions(emptyThink: .drop)).tokenized.pairs
    let options = PairOptions(emptyThink: .random, seed: 1)
    let random = try tokenized(options).tokenized.pairs
    for index in random.indices {
      #expect(random[index] == (options.dropsEmptyThink(ofPair: index) ? dropped : kept)[index])
    }
  }
}
