import Foundation
import OrderedJSON
import Preferences
import Testing

@Suite("The linter compares pairs with one another")
struct LintDuplicateTests {
  private let essay =
    "The harbour of the old town lies between two hills, and every morning the fishermen carry their nets to the boats, "
    + "talk about the wind, and leave before the sun stands above the lighthouse on the eastern pier. When they come back "
    + "in the evening, the market is closed, and only the cats and a few children wait for them beside the old crane."

  @Test("Exact duplicates: all but the first; spaces and canonical spellings make a difference")
  func exactDuplicates() throws {
    let first = compared("Who are you?", "A small model.", "None of your business.")
    let linted = try Linted([first] + soundPairs + [first, compared("Who are you? ", "A model.", "Guess.")])
    #expect(linted.lines("exact-duplicates") == [12])
    #expect(linted["exact-duplicates"]?.examples.first?.note == "the same as line 1: “Who are you?”")
    #expect(linted["near-duplicates"] == nil)
    let spelled = [
      compared("Caf\u{E9}?", "Yes, a good one.", "No."), compared("Cafe\u{301}?", "Yes, a good one.", "No."),
    ]
    #expect(try Linted(spelled)["exact-duplicates"] == nil)
  }

  @Test("Near duplicates: capitals, punctuation, spaces and a word in many do not count")
  func nearDuplicates() throws {
    let lines = [
      compared("Describe the harbour: " + essay, essay, "No harbour is worth it, and I have seen many of them."),
      compared("describe the harbour — " + essay, essay, "no harbour is worth it; and I have seen many of them!"),
      compared(
        "Describe the harbour: " + essay, essay.replacing("lighthouse", with: "chimney"),
        "No harbour is worth it, and I have seen many of them."),
    ]
    #expect(try Linted(soundPairs + lines).lines("near-duplicates") == [12, 13])
    let chinese = "请用三句话介绍一下长江的地理位置、长度以及它对沿岸城市经济发展的重要意义"
    let answers = ("长江发源于青藏高原，全长六千三百公里，流经十一个省市，最后注入东海。", "长江很长，也很重要，别的我就不清楚了。")
    let pairs = [
      compared(chinese + "。", answers.0, answers.1), compared(chinese + "！", answers.0 + " ", answers.1),
    ]
    #expect(try Linted(soundPairs + pairs).lines("near-duplicates") == [12])
  }

  @Test("No near duplicates: other numbers, another prompt, another answer, the sides exchanged")
  func noNearDuplicates() throws {
    let rejected = "No harbour is worth it, and I have seen many of them."
    let linted = try Linted([
      compared("Add 17 to this: " + essay, essay, rejected),
      compared("Add 18 to this: " + essay, essay, rejected),
      compared("Describe it: " + essay, essay, rejected),
      compared("Describe it: " + essay, "There is a harbour in this town, as far as I can see.", rejected),
      compared("Describe it: " + essay, essay, "Harbours bore me. Ask somebody who has never left one."),
      compared("Which town is it?", essay, rejected),
    ])
    #expect(linted["near-duplicates"] == nil)
  }

  @Test(
    "A thousand variants of one prompt and answer are found, and a thousand other pairs are not, in any order of work")
  func many() throws {
    let words = [
      "amber", "birch", "cedar", "dune", "ember", "fern", "grove", "heath", "islet", "juniper", "knoll", "loch",
    ]
    var generator = SeededGenerator(seed: 7)
    func sentence(_ count: Int) -> String {
      (0..<count).map { _ in words[generator.below(words.count)] }.joined(separator: " ")
    }
    let originals = (0..<1000).map { _ in (sentence(30), sentence(30), sentence(20)) }
    let lines =
      originals.map { compared($0.0, $0.1, $0.2) }
      + originals.map { compared($0.0.uppercased(), $0.1 + ".", "“" + $0.2 + "”") }
    let linted = try Linted(lines)
    #expect(linted.lines("near-duplicates") == Array(1001...2000))
    #expect(try Linted(lines).report == linted.report)
  }

  @Test("The same two answers in both orders: both pairs are named")
  func contradictoryPairs() throws {
    let linted = try Linted(
      soundPairs + [
        compared("Tea or coffee?", "Tea, please.", "Coffee, please."),
        compared("Tea?", "Tea, please.", "Coffee, please."),
        compared("Tea or coffee?", "Coffee, please.", "Tea, please."),
        compared("Tea or coffee?", "Coffee, please.", "Neither of them, thank you."),
      ])
    #expect(linted.lines("contradictory-pairs") == [11, 13])
    #expect(
      linted["contradictory-pairs"]?.examples.map(\.note) == [
        "the opposite of line 13: “Tea or coffee?”", "the opposite of line 11: “Tea or coffee?”",
      ])
  }

  @Test("Prompts of the evaluation data in the training data, by the names of its files")
  func leakedPrompts() throws {
    let training = try Linted(soundPairs)
    let held = try Linted([
      compared("Who wrote Faust?", "Goethe wrote it.", "Nobody knows."),
      compared(" Who wrote Hamlet?\n", "An English poet.", "I did."),
    ])
    let other = try Linted([compared("Why is the sky blue?", "It scatters light.", "It just is.")])
    var report = training.report
    report.addLeaks(of: training.tokenized, into: [("held", held.tokenized), ("other", other.tokenized)])
    let finding = try #require(report.findings.first)
    #expect(finding.check == "leaked-prompts" && finding.pairs == [6, 9] && report.removablePairs == [6, 9])
    #expect(finding.examples.map(\.note) == ["the prompt of line 1 of other", "the prompt of line 2 of held"])

    var clean = training.report
    let apart = try Linted([compared("Who wrote Faust?", "Goethe wrote it.", "Nobody knows.")])
    clean.addLeaks(of: training.tokenized, into: [("apart", apart.tokenized)])
    #expect(clean.findings.isEmpty)
  }
}

@Suite("Lengths in the linter's report")
struct LintLengthTests {
  @Test("Bins are powers of two, and hold every pair once")
  func histogram() throws {
    #expect((0...4).map(LengthHistogram.range) == [0...0, 1...1, 2...3, 4...7, 8...15])
    let linted = try Linted(soundPairs)
    let lengths = linted.report.lengths
    for histogram in [lengths.prompts, lengths.chosen, lengths.rejected] { #expect(histogram.total == 10) }
    for (bin, count) in lengths.prompts.counts.enumerated() {
      #expect(count == linted.tokenized.pairs.count { LengthHistogram.range(ofBin: bin).contains($0.promptLength) })
    }
  }

  @Test("The correlation is that of scipy.stats.pointbiserialr, and its sign follows the longer side")
  func correlation() throws {
    func correlation(_ pairs: [(Int, Int)]) throws -> Double {
      let lines = pairs.enumerated().map { number, lengths in
        compared(
          "Question \(number)?", String(repeating: "y", count: lengths.0), String(repeating: "n", count: lengths.1))
      }
      return try Linted(lines).report.lengths.correlation
    }
    // pointbiserialr([1, 1, 1, 0, 0, 0], [40, 65, 12, 22, 41, 9])
    #expect(abs(try correlation([(40, 22), (65, 41), (12, 9)]) - 0.38631235021121574) < 1e-9)
    #expect(abs(try correlation([(22, 40), (41, 65), (9, 12)]) + 0.38631235021121574) < 1e-9)
    #expect(try correlation([(5, 5), (7, 7)]) == 0)
  }
}
