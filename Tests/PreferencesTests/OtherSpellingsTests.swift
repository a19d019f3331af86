import OrderedJSON
import Preferences
import Testing

/// Lines written as the documentation of each project writes them; `OtherSpellings` names the pages.
@Suite("Other projects' spellings of a pair")
struct OtherSpellingsTests {
  private func only(_ line: String) throws -> PreferencePair {
    let file = try read(line.split(separator: "\n").joined())
    return try #require(file.pairs.first)
  }

  private func content(
    _ prompt: [(String, String)], _ chosen: String, _ rejected: String
  ) -> PreferencePair.Content {
    let messages: [JSON] = prompt.map { ["role": .string($0.0), "content": .string($0.1)] }
    func side(_ answer: String) -> [JSON] { messages + [["role": "assistant", "content": .string(answer)]] }
    return .conversation(chosen: side(chosen), rejected: side(rejected), sharedMessages: prompt.count)
  }

  // MARK: ms-swift

  @Test func `ms-swift's messages with a rejected response to the last`() throws {
    let one = try only(
      #"""
      {"messages": [{"role": "system", "content": "You are a useful and harmless assistant"}, {"role": "user", "content":
       "Tell me tomorrow's weather"}, {"role": "assistant", "content": "Tomorrow's weather will be sunny"}],
       "rejected_response": "I don't know"}
      """#)
    #expect(
      one.content
        == content(
          [("system", "You are a useful and harmless assistant"), ("user", "Tell me tomorrow's weather")],
          "Tomorrow's weather will be sunny", "I don't know"))
    let two = try only(
      #"""
      {"messages": [{"role": "system", "content": "You are a useful and harmless math calculator"}, {"role": "user",
       "content": "What is 1 + 1?"}, {"role": "assistant", "content": "It equals 2"}, {"role": "user", "content":
       "What about adding 1?"}, {"role": "assistant", "content": "It equals 3"}], "rejected_response": "I don't know"}
      """#)
    #expect(
      two.content
        == content(
          [
            ("system", "You are a useful and harmless math calculator"), ("user", "What is 1 + 1?"),
            ("assistant", "It equals 2"), ("user", "What about adding 1?"),
          ], "It equals 3", "I don't know"))
    #expect(two.unusedKeys.isEmpty)
  }

  @Test func `ms-swift's rejected messages are a whole conversation`() throws {
    let pair = try only(
      #"""
      {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi!"}],
       "rejected_messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Go away."}]}
      """#)
    #expect(pair.content == content([("user", "Hello?")], "Hi!", "Go away."))
  }

  @Test func `ms-swift's query and response, ShareGPT and Alpaca forms`() throws {
    #expect(
      try only(
        #"""
        {"system": "<system>", "query": "<query2>", "response": "<response2>", "history": [["<query1>", "<response1>"]],
         "rejected_response": "<rejected>"}
        """#
      ).content
        == content(
          [("system", "<system>"), ("user", "<query1>"), ("assistant", "<response1>"), ("user", "<query2>")],
          "<response2>", "<rejected>"))
    #expect(
      try only(
        #"""
        {"system": "<system>", "conversation": [{"human": "<query1>", "assistant": "<response1>"}, {"human": "<query2>",
         "assistant": "<response2>"}], "rejected_response": "<rejected>"}
        """#
      ).content
        == content(
          [("system", "<system>"), ("user", "<query1>"), ("assistant", "<response1>"), ("user", "<query2>")],
          "<response2>", "<rejected>"))
    #expect(
      try only(
        #"""
        {"system": "<system>", "instruction": "<query-inst>", "input": "<query-input>", "output": "<response>",
         "rejected_response": "<rejected>"}
        """#
      ).content
        == content([("system", "<system>"), ("user", "<query-inst>\n<query-input>")], "<response>", "<rejected>"))
  }

  // MARK: axolotl

  @Test func `axolotl's chatml.intel, chatml.icr and chatml.argilla`() throws {
    let expected = content([("system", "Be brief."), ("user", "Why?")], "Because.", "No idea.")
    for line in [
      #"{"system": "Be brief.", "question": "Why?", "chosen": "Because.", "rejected": "No idea."}"#,
      #"{"system": "Be brief.", "input": "Why?", "chosen": "Because.", "rejected": "No idea."}"#,
      #"{"system": "Be brief.", "instruction": "Why?", "chosen_response": "Because.", "rejected_response": "No idea."}"#,
    ] {
      let pair = try only(line)
      #expect(pair.content == expected, "\(line)")
      #expect(pair.unusedKeys.isEmpty)
    }
    #expect(
      try only(#"{"question": "Why?", "chosen": "Because.", "rejected": "No idea."}"#).content
        == content([("user", "Why?")], "Because.", "No idea."))
  }

  @Test func `axolotl's chatml.ultra and chat_template.default`() throws {
    let expected = content([("system", "Be brief."), ("user", "Why?")], "Because.", "No idea.")
    for line in [
      #"{"system": "Be brief.", "prompt": "Why?", "chosen": [{"role": "user", "content": "Why?"}, "#
        + #"{"role": "assistant", "content": "Because."}], "rejected": [{"role": "user", "content": "Why?"}, "#
        + #"{"role": "assistant", "content": "No idea."}]}"#,
      #"{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}], "#
        + #""chosen": {"role": "assistant", "content": "Because."}, "#
        + #""rejected": {"role": "assistant", "content": "No idea."}}"#,
    ] {
      #expect(try only(line).content == expected, "\(line)")
    }
  }

  @Test func `axolotl's prompt pairs are TRL's plain text, unless the chat template is to be applied`() throws {
    let line: JSON = ["prompt": "Why?", "chosen": "Because.", "rejected": "No idea."]
    #expect(try pair(line).content == .text(prompt: "Why?", chosen: "Because.", rejected: "No idea."))
    #expect(
      try PreferenceFormat.pair(of: line, applyChatTemplate: true).content
        == content([("user", "Why?")], "Because.", "No idea."))
  }

  @Test func `axolotl's zephyr.nectar takes the best and the worst answer`() throws {
    let pair = try only(
      #"{"prompt": "Why?", "answers": [{"answer": "So.", "rank": 2}, {"answer": "Because.", "rank": 1}, "#
        + #"{"answer": "No idea.", "rank": 3}]}"#)
    #expect(pair.content == content([("user", "Why?")], "Because.", "No idea."))
  }

  // MARK: NeMo RL

  private let capital = #"""
    {"context": [{"role": "user", "content": "What's the capital of France?"}, {"role": "assistant", "content":
     "The capital of France is Paris."}, {"role": "user", "content": "Thanks! And what's the capital of Germany?"}],
     "completions": [{"rank": 0, "completion": [{"role": "assistant", "content": "The capital of Germany is Berlin."}]},
     {"rank": 1, "completion": [{"role": "assistant", "content": "The capital of Germany is Munich."}]}]}
    """#

  @Test func `NeMo RL's ranked completions`() throws {
    let pair = try only(capital)
    #expect(
      pair.content
        == content(
          [
            ("user", "What's the capital of France?"), ("assistant", "The capital of France is Paris."),
            ("user", "Thanks! And what's the capital of Germany?"),
          ], "The capital of Germany is Berlin.", "The capital of Germany is Munich."))
    #expect(pair.scoreMargin == nil && !pair.isTie)
    let turned = try only(
      capital.replacing("\"rank\": 0", with: "\"rank\": 5").replacing("\"rank\": 1", with: "\"rank\": 2"))
    guard case .conversation(let chosen, _, _) = turned.content else { return #expect(Bool(false)) }
    #expect(chosen.last?["content"] == "The capital of Germany is Munich.")
  }

  @Test func `Completions of one rank are a tie, which is dropped and counted`() throws {
    let tie = try only(capital.replacing("\"rank\": 1", with: "\"rank\": 0"))
    #expect(tie.isTie)
    #expect(try byteTokenizer().tokenize(tie).dropReason == .tied)
  }

  // MARK: HelpSteer

  @Test(arguments: [(-2, "first", "second", 2.0), (1, "second", "first", 1.0)])
  func `HelpSteer3's preference says which answer is better, and by how much`(
    _ preference: Int, _ chosen: String, _ rejected: String, _ margin: Double
  ) throws {
    let pair = try only(
      #"{"domain": "general", "language": "english", "context": [{"role": "user", "content": "Why?"}], "#
        + #""response1": "first", "response2": "second", "overall_preference": \#(preference), "#
        + #""individual_preference": [{"score": \#(preference), "reasoning": "r", "feedback1": "f", "feedback2": "g"}]}"#
    )
    #expect(pair.content == content([("user", "Why?")], chosen, rejected))
    #expect(pair.scoreMargin == margin)
    #expect(pair.unusedKeys == ["domain", "language", "individual_preference"])
  }

  @Test func `HelpSteer2's preference strength, and a tie`() throws {
    let pair = try only(
      #"{"split": "train", "prompt": "Why?", "response_1": "first", "response_2": "second", "preference_strength": -3, "#
        + #""preference_statement": "Response 1 is much better"}"#)
    #expect(pair.content == content([("user", "Why?")], "first", "second"))
    #expect(pair.scoreMargin == 3)
    let tie = try only(
      #"{"context": "Why?", "response1": "first", "response2": "second", "overall_preference": 0}"#)
    #expect(tie.isTie && tie.scoreMargin == 0)
  }

  // MARK: What is wrong in them

  @Test(arguments: [
    (
      #"{"messages": [{"role": "user", "content": "q"}], "rejected_response": "x"}"#,
      "must end with a question and the chosen"
    ),
    (#"{"query": "q", "rejected_response": "x"}"#, "without the chosen answer"),
    (#"{"query": "q", "response": "a", "rejected_messages": []}"#, "stand beside \"messages\""),
    (#"{"context": "q", "completions": [{"rank": 0, "completion": []}]}"#, "two answers or more"),
    (
      #"{"context": "q", "completions": [{"completion": []}, {"rank": 1, "completion": []}]}"#,
      "completions[0] has no \"rank\""
    ),
    (#"{"context": "q", "response1": "a", "response2": "b"}"#, "which is the better one"),
    (
      #"{"context": "q", "response1": "a", "response2": "b", "overall_preference": "a"}"#,
      "\"overall_preference\" is a text"
    ),
    (#"{"context": "q", "prompt": "p", "response1": "a", "response2": "b", "overall_preference": 1}"#, "both there"),
    (#"{"question": "q", "input": "more", "chosen": "a", "rejected": "b"}"#, "\"input\" would not be read"),
    (#"{"query": "q", "response": "a", "rejected_response": 5}"#, "expected a text"),
    (#"{"conversation": [{"human": "q"}], "rejected_response": "x"}"#, "conversation[0] has no texts"),
    (#"{"prompt": "q", "responses": ["a", "b"]}"#, "NeMo RL"),
  ])
  func `Lines that are nearly in these words are named with what they lack`(_ line: String, _ words: String) {
    let bad = badLines(goodLine + "\n" + line)
    #expect(bad.map(\.line) == [2])
    #expect(bad.first?.reason.contains(words) == true, "\(bad)")
  }
}
