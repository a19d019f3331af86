import Foundation
import OrderedJSON
import Preferences
import Testing
import Tokenization

/// Goldens/targets.json: Tools/reference/trl_targets.py, which also makes such a file for other templates;
/// `CHAT_TARGETS` names it.
struct AssistantTurnsTests {
  /// What TRL and transformers make of every pair with every template.
  private struct Golden {
    let json: JSON
    let tokenizer: ByteTokenizer
    let pairs: [JSON]

    init() throws {
      let own = Bundle.module.url(forResource: "Goldens", withExtension: nil)?.appendingPathComponent("targets.json")
      let other = ProcessInfo.processInfo.environment["CHAT_TARGETS"].map { URL(fileURLWithPath: $0) }
      json = try JSON(parsing: Data(contentsOf: try #require(other ?? own)))
      tokenizer = ByteTokenizer(specials: try #require(json["specials"]?.array).compactMap(\.string))
      pairs = try #require(json["pairs"]?.array)
    }

    var templates: [String] { json["templates"]?.object?.keys.map { $0 } ?? [] }

    func tokenizer(template name: String, _ mask: PairOptions.CompletionMask) throws -> PairTokenizer {
      let template = try ChatTemplate(
        source: try #require(json["templates"]?[name]?.string),
        specialTokens: ["bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"])
      return try PairTokenizer(
        encode: tokenizer.encode,
        render: { messages, tools, variables, generating in
          try template.render(
            messages: messages, tools: tools, addGenerationPrompt: generating, variables: variables,
            now: Date(timeIntervalSince1970: 0))
        }, startOfText: "<s>", endOfText: "</s>", options: PairOptions(maxLength: 1 << 20, completionMask: mask))
    }
  }

  /// The targets of a side by TRL's start and the spans of the assistant's turns, if the template marks these.
  private func expected(
    start: Int, count: Int, turns: [Range<Int>]?, messages: Int, _ mask: PairOptions.CompletionMask
  ) -> [Bool]? {
    var targets = [Bool](repeating: false, count: count)
    if mask == .lastTurns, messages == 1 {
      for position in start..<count { targets[position] = true }
      return targets
    }
    guard let turns else { return nil }
    for turn in turns where turn.upperBound > start || mask == .all {
      for position in turn { targets[position] = true }
    }
    // The first turn that is compared starts where TRL has it, the last one ends with the text.
    if let compared = turns.first(where: { $0.upperBound > start }), let last = turns.last {
      let begins = messages == 1 ? start : max(start, compared.lowerBound)
      for position in min(begins, compared.lowerBound)..<compared.upperBound { targets[position] = position >= begins }
      for position in max(begins, last.lowerBound)..<count { targets[position] = true }
    }
    return targets
  }

  @Test(arguments: [PairOptions.CompletionMask.lastTurns, .all])
  func `The targets are those of TRL with templates of every kind`(mask: PairOptions.CompletionMask) throws {
    let golden = try Golden()
    // Other people's templates mark turns by rules of their own; with these, only what TRL itself says is compared.
    let isOwn = ProcessInfo.processInfo.environment["CHAT_TARGETS"] == nil
    if !isOwn && mask == .all { return }
    var compared = 0
    for name in golden.templates {
      let tokenizer = try golden.tokenizer(template: name, mask)
      let targets = try #require(golden.json["targets"]?[name]?.array)
      for (index, (record, target)) in zip(golden.pairs, targets).enumerated() {
        let pair = try PreferenceFormat.pair(of: record)
        guard let start = target["start"]?.int else {
          #expect(throws: (any Error).self, "\(name), pair \(index)") { try tokenizer.tokenize(pair) }
          continue
        }
        let tokenized = try tokenizer.tokenize(pair)
        guard case .conversation(let chosen, let rejected, let shared) = pair.content else { continue }
        for (side, messages, ids, found) in [
          ("chosen", chosen, tokenized.chosenIDs, tokenized.chosenTargets),
          ("rejected", rejected, tokenized.rejectedIDs, tokenized.rejectedTargets),
        ] {
          let count = try #require(target[side]?.int)
          let turns = target["\(side)_turns"]?.array?.map { ($0[0]?.int ?? 0)..<($0[1]?.int ?? 0) }
          #expect(ids.count == count, "\(name), pair \(index), \(side)")
          if !isOwn && messages.count - shared > 1 { continue }
          guard
            let expected = expected(
              start: start, count: count, turns: turns, messages: messages.count - shared, mask)
          else { continue }
          compared += 1
          #expect(
            zip(found, expected).allSatisfy { $0 == $1 },
            "\(name), pair \(index), \(side): \(golden.tokenizer.texts(ids, found)), not \(golden.tokenizer.texts(ids, expected))"
          )
        }
      }
    }
    #expect(compared > golden.pairs.count)
  }
}
