import Foundation
import OrderedJSON
import Preferences
import Testing

struct PairOutputTests {
  private static let tokenizer = ByteTokenizer()

  private func sample() throws -> (pairs: [PreferencePair], tokenized: TokenizedPairs) {
    let records: [JSON] = [
      [
        "chosen": conversation(("user", "q"), ("assistant", "abc")),
        "rejected": conversation(("user", "q"), ("assistant", "abdef")),
      ],
      ["prompt": "p", "chosen": "aa", "rejected": "b"],
      ["prompt": "p", "chosen": "x", "rejected": "x"],
      ["prompt": "p", "chosen": "aa", "rejected": "b"],
      [
        "chosen": conversation(("user", "q"), ("assistant", "abc")),
        "rejected": conversation(("user", "r"), ("assistant", "abc")),
      ],
    ]
    let pairs = try read(records.map { $0.serialized() }.joined(separator: "\n")).pairs
    return (pairs, try byteTokenizer(Templates.chatML, PairOptions(maxLength: 27)).tokenize(pairs))
  }

  // MARK: Dump

  @Test func `A dump has a line per pair in file order with ids, masks, prefix and the reason for dropping`() throws {
    var bytes = Data()
    try sample().tokenized.dump { bytes += $0 }
    let lines = try String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) }
    #expect(lines.map { $0["index"]?.int } == [0, 1, 2, 3, 4])
    #expect(
      lines[0].object?.keys.map { $0 }
        == ["index", "chosen_ids", "rejected_ids", "chosen_mask", "rejected_mask", "shared_prefix", "dropped"])
    #expect(
      lines[1] == [
        "index": 1, "chosen_ids": [261, 112, 97, 97, 262], "rejected_ids": [261, 112, 98, 262],
        "chosen_mask": [0, 0, 1, 1, 1], "rejected_mask": [0, 0, 1, 1], "shared_prefix": 2, "dropped": false,
      ])
    #expect(lines[2]["dropped"] == true && lines[2]["reason"] == "identical")
  }

  // MARK: Statistics

  @Test func `Statistics count what is there`() throws {
    let (pairs, tokenized) = try sample()
    let statistics = PairStatistics(pairs: pairs, tokenized: tokenized)
    #expect(statistics.pairs == 5 && statistics.usablePairs == 4)
    #expect(statistics.dropped == [.identical: 1])
    #expect(statistics.paddedTokens == 5 * 2 * 26)
    #expect(statistics.tokens == (25 + 27) + (5 + 4) + (4 + 4) + (5 + 4) + (25 + 25))
    #expect(statistics.treeTokens == statistics.tokens - 22 - 2 - 4 - 2 - 6)
    #expect(statistics.usableTreeTokens == statistics.treeTokens - 4)
    #expect(statistics.targetTokens == (5 + 7) + (3 + 2) + (3 + 2) + (5 + 5))
    #expect(statistics.truncatedSides == 0)
    #expect(statistics.chosenIsLonger == 2 && statistics.equallyLong == 2)
    #expect(abs(statistics.chosenIsLongerShare - 2.0 / 3) < 1e-12)
    #expect(statistics.duplicatePairs == 1 && statistics.duplicatePrompts == 2 && statistics.differingPrompts == 1)
    #expect(statistics.promptLengths.maximum == 20 && statistics.promptLengths.minimum == 2)
    #expect(statistics.chosenLengths.median == 3)
  }

  @Test func `Percentiles take the nearest rank`() {
    let lengths = Percentiles(Array((1...200).reversed()))
    #expect(lengths.minimum == 1 && lengths.median == 100 && lengths.p90 == 180)
    #expect(lengths.p99 == 198 && lengths.maximum == 200 && lengths.mean == 100.5)
    #expect(Percentiles([7]).p99 == 7 && Percentiles([7]).median == 7)
    #expect(Percentiles([]) == Percentiles())
  }

  @Test func `Statistics are printed as a table and as JSON`() throws {
    let (pairs, tokenized) = try sample()
    var statistics = PairStatistics(pairs: pairs, tokenized: tokenized)
    statistics.paddedTokens = 1_227_600
    let rows = statistics.table.split(separator: "\n").map {
      $0.split(separator: " ").joined(separator: " ")
    }
    #expect(rows.contains("dropped 1: identical"))
    #expect(rows.contains("tokens, padded to the maximum 1,227,600"))
    #expect(rows.contains("trained on 4 (80.0 %)"))
    #expect(rows.contains("rejected reply 4 2 2 7 7 7"))
    #expect(statistics.json["padded_tokens"] == 1_227_600)
    #expect(statistics.json["dropped"] == ["identical": 1])
    #expect(PairStatistics().table.contains("pairs"))
  }

  // MARK: Display

  private func display(colour: Bool) -> PairDisplay {
    PairDisplay(decode: Self.tokenizer.decode, usesColour: colour)
  }

  @Test func `Without colour targets stand in brackets`() throws {
    let text = display(colour: false).text(of: try sample().tokenized.pairs[0])
    #expect(
      text == """
        pair 0 (line 1)
        ⟦target⟧ · not a target
        ── shared prefix: 22 tokens, 2 of them targets ──
        <|im_start|>user
        q<|im_end|>
        <|im_start|>assistant
        ⟦ab⟧
        ── chosen: 3 tokens, 3 of them targets ──
        ⟦c<|im_end|>
        ⟧
        ── rejected: 5 tokens, 5 of them targets ──
        ⟦def<|im_end|>
        ⟧

        """)
  }

  @Test func `In colour the prefix is dim, chosen targets green and rejected ones red`() throws {
    let text = display(colour: true).text(of: try sample().tokenized.pairs[0])
    #expect(text.contains("\u{1B}[2mq<|im_end|>\u{1B}[0m"))
    #expect(text.contains("\u{1B}[2;4mab\u{1B}[0m"))
    #expect(text.contains("\u{1B}[32mc<|im_end|>\u{1B}[0m\n"))
    #expect(text.contains("\u{1B}[31mdef<|im_end|>\u{1B}[0m\n"))
    #expect(!display(colour: false).text(of: try sample().tokenized.pairs[0]).contains("\u{1B}"))
  }

  @Test func `Data cannot steer the terminal, and the reason for dropping is shown`() throws {
    let hostile: JSON = ["prompt": "\u{1B}[31mred\u{7F}", "chosen": "a", "rejected": "a"]
    let tokenized = try byteTokenizer().tokenize(pair(hostile))
    let text = display(colour: false).text(of: tokenized)
    #expect(!text.contains("\u{1B}"))
    #expect(text.contains("␛[31mred\u{FFFD}"))
    #expect(text.contains("dropped: identical"))
  }
}
