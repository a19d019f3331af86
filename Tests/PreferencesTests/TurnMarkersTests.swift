import OrderedJSON
import Preferences
import Testing

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

  @Test func `A template without marks is refused with a sentence, but not for plain text`() throws {
    let tokenizer = try byteTokenizer(Templates.unmarked)
    #expect(tokenizer.turnMarkers == nil)
    let conversations = try read(goodLine).pairs
    #expect {
      try tokenizer.tokenize(conversations)
    } throws: { error in
      guard case .noTurnMarkers = error as? PairError else { return false }
      return "\(error)".contains("with add_generation_prompt it adds nothing to a question")
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
