import Foundation
import OrderedJSON
import Preferences
import Testing
import Tokenization

struct TurnMarkersTests {
  @Test func `The marks of ChatML, of MiniMind-3's thinking template and of Llama-3 are found`() throws {
    let chatML = TurnMarkers(header: "<|im_start|>assistant\n", terminator: "<|im_end|>\n")
    #expect(try byteTokenizer(Templates.chatML).turnMarkers == chatML)
    #expect(try byteTokenizer(Templates.thinking).turnMarkers == chatML)
    #expect(try byteTokenizer(Templates.lastThinking).turnMarkers == chatML)
    #expect(
      try byteTokenizer(Templates.llama3).turnMarkers
        == TurnMarkers(header: "<|start_header_id|>assistant<|end_header_id|>\n\n", terminator: "<|eot_id|>"))
  }

  /// The templates are those of the chat template goldens (Tools/reference/chat_templates.py): what models ship, or
  /// close to it.
  @Test(arguments: ["chatml", "llama3", "minimind2", "qwen25", "qwen3", "alternating"])
  func `The marks of published templates are found by running them`(name: String) throws {
    let tests =
      ProcessInfo.processInfo.environment["MINIMIND_CHECKOUT"].map { URL(fileURLWithPath: $0 + "/Tests") }
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let goldens = tests.appendingPathComponent("TokenizationTests/Goldens/chat_conversations.json")
    let json = try JSON(parsing: Data(contentsOf: goldens))
    let template = try ChatTemplate(
      source: try #require(json["templates"]?[name]?.string), specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
    let tokenizer = try PairTokenizer(
      encode: ByteTokenizer().encode,
      render: { messages, tools, variables, generating in
        try template.render(
          messages: messages, tools: tools, addGenerationPrompt: generating, variables: variables,
          now: Date(timeIntervalSince1970: 0))
      }, endOfText: nil, options: PairOptions(maxLength: 4096))
    let expected: [String: TurnMarkers] = [
      "llama3": TurnMarkers(header: "<|start_header_id|>assistant<|end_header_id|>\n\n", terminator: "<|eot_id|>"),
      // These two write the header at the end of every question, whatever is asked for.
      "minimind2": TurnMarkers(header: "<|im_start|>assistant\n", terminator: "<|im_end|>\n", opening: ""),
      "alternating": TurnMarkers(header: " [/INST]\n", terminator: "</s>\n", opening: ""),
    ]
    let markers = try #require(tokenizer.turnMarkers)
    let chatML = TurnMarkers(header: "<|im_start|>assistant\n", terminator: "<|im_end|>\n")
    #expect(markers == expected[name] ?? chatML)

    let tokenized = try tokenizer.tokenize(
      pair([
        "chosen": conversation(("user", "q"), ("assistant", "a"), ("user", "r"), ("assistant", "good")),
        "rejected": conversation(("user", "q"), ("assistant", "a"), ("user", "r"), ("assistant", "bad")),
      ]))
    let targets = targetTexts(tokenized.chosenIDs, tokenized.chosenTargets)
    #expect(targets.count == 1 && targets[0].hasSuffix("good" + markers.terminator), "\(targets)")
  }

  @Test func `A template without marks is refused with a sentence, but not for plain text`() throws {
    let tokenizer = try byteTokenizer(Templates.unmarked)
    #expect(tokenizer.turnMarkers == nil)
    let conversations = try read(goodLine).pairs
    #expect {
      try tokenizer.tokenize(conversations)
    } throws: { error in
      guard case .noTurnMarkers = error as? PairError else { return false }
      return "\(error)".contains("it writes nothing between a question and its answer")
    }
    let texts = try read(#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#).pairs
    #expect(try tokenizer.tokenize(texts).usable().count == 1)
  }

  @Test func `A template that refuses every conversation is refused with its own words`() throws {
    let tokenizer = try byteTokenizer({ _, _, _, _ in throw Templates.Refusal(description: "never") })
    #expect {
      try tokenizer.tokenize(try read(goodLine).pairs)
    } throws: {
      "\($0)".contains("(never)")
    }
  }

  @Test func `Conversations without a template are an error that names the first`() throws {
    let tokenizer = try PairTokenizer(
      encode: ByteTokenizer().encode, render: nil, endOfText: nil, options: PairOptions())
    #expect(throws: PairError.noTemplate(line: 2)) {
      try tokenizer.tokenize(try read(#"{"prompt": "a", "chosen": "b", "rejected": "c"}"# + "\n" + goodLine).pairs)
    }
  }
}
