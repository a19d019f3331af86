import Foundation
import OrderedJSON
import Preferences
import Testing
import Tokenization

/// Goldens/rendered.jsonl and the pairs and tokenizer in Goldens/rendering: Tools/reference/minimind_pairs.py.
struct RenderedGoldenTests {
  private static let folder = Bundle.module.url(forResource: "Goldens", withExtension: nil)

  @Test func `Ids, masks, shared prefixes and dropped pairs are those of transformers`() throws {
    let folder = try #require(Self.folder)
    let inputs = folder.appendingPathComponent("rendering")
    let pairs = try PreferenceFile(contentsOf: inputs.appendingPathComponent("pairs.jsonl")).pairs
    let tokenizer = try Tokenizer(folder: inputs)
    let template = try ChatTemplate(folder: inputs)
    let expected = try String(contentsOf: folder.appendingPathComponent("rendered.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try JSON(parsing: String($0)) }

    var made: [PairOptions: TokenizedPairs] = [:]
    for line in expected {
      var options = PairOptions(maxLength: try #require(line["max_length"]?.int))
      options.emptyThink = try #require(line["empty_think"]?.string.flatMap(PairOptions.EmptyThink.init))
      options.completionMask = try #require(line["completion_mask"]?.string.flatMap(PairOptions.CompletionMask.init))
      let tokenized =
        try made[options]
        ?? PairTokenizer(
          tokenizer: tokenizer, template: template, startOfText: "<|im_start|>", endOfText: "<|im_end|>",
          options: options
        )
        .tokenize(pairs)
      made[options] = tokenized
      let index = try #require(line["index"]?.int)
      let pair = tokenized.pairs[index].json
      for key in ["chosen_ids", "rejected_ids", "chosen_mask", "rejected_mask", "shared_prefix"] {
        #expect(pair[key] == line[key], "\(key) of pair \(index), \(options)")
      }
      #expect(
        (tokenized.pairs[index].dropReason != nil) == line["dropped"]?.bool, "dropped of pair \(index), \(options)")
    }
    #expect(made.count == 7 && expected.count == 7 * pairs.count)
  }
}
