import OrderedJSON
import Preferences
import Testing

struct FormatTests {
  private let question: JSON = ["role": "user", "content": "q"]
  private let good: JSON = ["role": "assistant", "content": "good"]
  private let bad: JSON = ["role": "assistant", "content": "bad"]

  private func expected(shared: Int = 1) -> PreferencePair.Content {
    .conversation(chosen: [question, good], rejected: [question, bad], sharedMessages: shared)
  }

  @Test func `MiniMind's and TRL's implicit prompts are the equal leading messages`() throws {
    let implicit = try pair(["chosen": [question, good], "rejected": [question, bad]])
    #expect(implicit.content == expected())
    #expect(!implicit.promptsDiffer)
    let differing = try pair([
      "chosen": [question, good, question, good], "rejected": [question, bad, question, good],
    ])
    guard case .conversation(_, _, 1) = differing.content else {
      Issue.record("\(differing.content)")
      return
    }
    #expect(differing.promptsDiffer)
  }

  @Test func `Equal sides keep their last message as completion, as TRL has it`() throws {
    let same = try pair(["chosen": [question, good], "rejected": [question, good]])
    #expect(same.content == .conversation(chosen: [question, good], rejected: [question, good], sharedMessages: 1))
  }

  @Test func `The order of keys does not make messages different, but Unicode normal forms do`() throws {
    let turned: JSON = ["content": "q", "role": "user"]
    guard case .conversation(_, _, 1) = try pair(["chosen": [question, good], "rejected": [turned, bad]]).content else {
      Issue.record("messages with turned keys were taken for different ones")
      return
    }
    let composed = conversation(("user", "\u{E9}"), ("assistant", "a"))
    let decomposed = conversation(("user", "e\u{301}"), ("assistant", "a"))
    guard case .conversation(_, _, 0) = try pair(["chosen": composed, "rejected": decomposed]).content else {
      Issue.record("canonically equivalent texts were taken for equal ones")
      return
    }
  }

  @Test func `TRL's explicit prompt is put in front of both sides, completions as lists or single messages`() throws {
    #expect(try pair(["prompt": [question], "chosen": [good], "rejected": [bad]]).content == expected())
    #expect(try pair(["prompt": [question], "chosen": good, "rejected": bad]).content == expected())
  }

  @Test func `A prompt string beside conversations repeats or is the user's message`() throws {
    #expect(
      try pair(["prompt": "q", "chosen": [question, good], "rejected": [question, bad]]).content == expected())
    #expect(try pair(["prompt": "q", "chosen": [good], "rejected": [bad]]).content == expected())
  }

  @Test func `Plain text keeps its prompt`() throws {
    #expect(
      try pair(["prompt": "1+1=", "chosen": "2", "rejected": "3"]).content
        == .text(prompt: "1+1=", chosen: "2", rejected: "3"))
  }

  /// The expected values are what `trl.data_utils.extract_prompt` (TRL 1.16) returns.
  @Test(arguments: [
    ("The sky is blue", "The sky is green", "The sky is", " blue", " green"),
    ("The sky is blue.", "The sky isn't blue.", "The sky is", " blue.", "n't blue."),
    ("Hi there", "Hi there you", "Hi ther", "e", "e you"),
    ("day one 两 三", "day one 两 四", "day one 两", " 三", " 四"),
    ("ab", "ac", "a", "b", "c"),
  ])
  func `A plain implicit prompt is cut where TRL cuts it`(
    chosen: String, rejected: String, prompt: String, chosenRest: String, rejectedRest: String
  ) throws {
    #expect(
      try pair(["chosen": .string(chosen), "rejected": .string(rejected)]).content
        == .text(prompt: prompt, chosen: chosenRest, rejected: rejectedRest))
  }

  @Test func `Tools come as a list or as JSON text, template variables as an object`() throws {
    let tools: JSON = [["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]]
    for written in [tools, .string(tools.serialized())] {
      let result = try pair([
        "tools": written, "chat_template_kwargs": ["enable_thinking": false], "chosen": [question, good],
        "rejected": [question, bad],
      ])
      #expect(result.tools == tools.array)
      #expect(result.templateVariables == ["enable_thinking": false])
    }
    for nothing in [JSON.null, [], "", "[]"] {
      #expect(try pair(["tools": nothing, "chosen": [question, good], "rejected": [question, bad]]).tools == nil)
    }
  }

  @Test func `Keys and texts are compared by code points, as Python compares them`() throws {
    let (composed, decomposed) = ("Caf\u{E9}", "Cafe\u{301}")
    let variables = try pair([
      "chat_template_kwargs": [composed: 1, decomposed: 2], "chosen": [question, good], "rejected": [question, bad],
    ]).templateVariables
    #expect(variables.count == 2)
    #expect(variables[decomposed] == 2)
    func conversation(_ text: String, _ reply: JSON) -> JSON { [["role": "user", "content": .string(text)], reply] }
    let result = try pair(["chosen": conversation(composed, good), "rejected": conversation(decomposed, bad)])
    #expect(result.promptsDiffer)
    guard case .conversation(_, _, sharedMessages: let shared) = result.content else { return }
    #expect(shared == 0)
  }

  @Test func `Members of messages are kept, tool calls written as text are read`() throws {
    let call: JSON = [
      "role": "assistant", "content": .null, "reasoning_content": "hm",
      "tool_calls": [["type": "function", "function": ["name": "f", "arguments": ["b": 1, "a": 2]]]],
    ]
    var asText = call.object ?? [:]
    asText["tool_calls"] = call["tool_calls"].map { .string($0.serialized()) }
    let result: JSON = ["role": "tool", "content": "3", "name": "f"]
    let read = try pair([
      "chosen": [question, call, result, good], "rejected": [question, .object(asText), result, bad],
    ])
    #expect(
      read.content
        == .conversation(
          chosen: [question, call, result, good], rejected: [question, call, result, bad], sharedMessages: 3))
  }

  @Test func `Content in text parts is joined`() throws {
    let parts: JSON = ["role": "user", "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]]
    guard
      case .conversation(let chosen, _, _) = try pair(["chosen": [parts, good], "rejected": [parts, bad]]).content
    else {
      Issue.record("not a conversation")
      return
    }
    #expect(chosen[0]["content"] == "ab")
  }

  @Test func `LLaMA-Factory's ShareGPT ranking data`() throws {
    let read = try pair([
      "system": "s", "tools": #"[{"name": "f"}]"#,
      "conversations": [
        ["from": "human", "value": "q"],
        ["from": "function_call", "value": #"{"name": "f", "arguments": {"x": 1}}"#],
        ["from": "observation", "value": "3"],
      ],
      "chosen": ["from": "gpt", "value": "good"], "rejected": ["from": "gpt", "value": "bad"],
    ])
    let prompt: [JSON] = [
      ["role": "system", "content": "s"], question,
      [
        "role": "assistant", "content": "",
        "tool_calls": [["type": "function", "function": ["name": "f", "arguments": ["x": 1]]]],
      ],
      ["role": "tool", "content": "3"],
    ]
    #expect(
      read.content == .conversation(chosen: prompt + [good], rejected: prompt + [bad], sharedMessages: prompt.count))
    #expect(read.tools == [["name": "f"]])
  }

  @Test func `A system turn in ShareGPT data wins over the system key, which is named as not used`() throws {
    let read = try pair([
      "system": "key", "conversations": [["from": "system", "value": "turn"], ["from": "human", "value": "q"]],
      "chosen": ["from": "gpt", "value": "good"], "rejected": ["from": "gpt", "value": "bad"],
    ])
    guard case .conversation(let chosen, _, 2) = read.content else {
      Issue.record("\(read.content)")
      return
    }
    #expect(chosen[0] == ["role": "system", "content": "turn"])
    #expect(read.unusedKeys == ["system"])
  }

  @Test func `A ShareGPT turn keeps what else it has`() throws {
    let read = try pair([
      "conversations": [["from": "human", "value": "q", "name": "Ada"]],
      "chosen": ["from": "gpt", "value": "good", "reasoning_content": "hm"],
      "rejected": ["from": "gpt", "value": "bad"],
    ])
    #expect(
      read.content
        == .conversation(
          chosen: [
            ["role": "user", "content": "q", "name": "Ada"],
            ["role": "assistant", "content": "good", "reasoning_content": "hm"],
          ], rejected: [["role": "user", "content": "q", "name": "Ada"], bad], sharedMessages: 1))
  }

  @Test func `axolotl's messages are the prompt of answers, and may repeat whole conversations`() throws {
    for (chosen, rejected) in [([good] as JSON, [bad] as JSON), (good, bad)] {
      #expect(try pair(["messages": [question], "chosen": chosen, "rejected": rejected]).content == expected())
    }
    for repeated in [[question], [question, good], [question, bad]] as [JSON] {
      #expect(
        try pair(["messages": repeated, "chosen": [question, good], "rejected": [question, bad]]).content == expected())
    }
  }

  @Test func `A system key stands before any conversation`() throws {
    let system: JSON = ["role": "system", "content": "s"]
    let under = PreferencePair.Content.conversation(
      chosen: [system, question, good], rejected: [system, question, bad], sharedMessages: 2)
    for record: JSON in [
      ["system": "s", "prompt": [question], "chosen": [good], "rejected": [bad]],
      ["system": "s", "prompt": "q", "chosen": [good], "rejected": [bad]],
      ["system": "s", "messages": [question], "chosen": [good], "rejected": [bad]],
      ["system": "s", "chosen": [question, good], "rejected": [question, bad]],
      ["system": "s", "chosen": [system, question, good], "rejected": [system, question, bad]],
    ] {
      #expect(try pair(record).content == under)
    }
  }

  @Test func `Tools in a system message are the conversation's`() throws {
    let system: JSON = ["role": "system", "content": "s", "tools": #"[{"name": "f"}]"#]
    #expect(
      try pair(["chosen": [system, question, good], "rejected": [system, question, bad]]).tools == [["name": "f"]])
  }

  @Test func `Keys that are no part of the pair are named, empty ones are not`() throws {
    let read = try pair([
      "source": "x", "history": [], "system": "", "images": .null, "question": "q ", "score_chosen": 3,
      "chosen": [question, good], "rejected": [question, bad],
    ])
    #expect(read.content == expected())
    #expect(read.unusedKeys == ["source", "question", "score_chosen"])
    let statistics = PairStatistics(pairs: [read, read], tokenized: TokenizedPairs(pairs: [], options: PairOptions()))
    #expect(statistics.unusedKeys == ["source": 2, "question": 2, "score_chosen": 2])
    #expect(statistics.remarks == [#"keys that are not used: "question" (2), "score_chosen" (2), "source" (2)"#])
  }

  @Test func `Plain text is a question and two answers where the chat template is to be applied`() throws {
    let record: JSON = ["system": "s", "prompt": "q", "chosen": "good", "rejected": "bad"]
    let system: JSON = ["role": "system", "content": "s"]
    #expect(
      try PreferenceFormat.pair(of: record, applyChatTemplate: true).content
        == .conversation(chosen: [system, question, good], rejected: [system, question, bad], sharedMessages: 2))
    #expect(throws: UnusableRecord.self) {
      try PreferenceFormat.pair(of: ["chosen": "The a", "rejected": "The b"], applyChatTemplate: true)
    }
    let text = try pair(["prompt": "q", "chosen": "good", "rejected": "bad"])
    let tokenized = TokenizedPairs(pairs: [], options: PairOptions())
    #expect(PairStatistics(pairs: [text], tokenized: tokenized).remarks == [])
    let remarks = PairStatistics(pairs: [text], tokenized: tokenized, hasChatTemplate: true).remarks
    #expect(remarks.count == 1 && remarks[0].contains("--apply-chat-template"))
  }

  @Test func `LLaMA-Factory's Alpaca ranking data`() throws {
    let read = try pair([
      "system": "s", "instruction": "q", "input": "more", "history": [["q0", "a0"]], "chosen": "good",
      "rejected": "bad",
    ])
    let prompt = conversation(("system", "s"), ("user", "q0"), ("assistant", "a0"), ("user", "q\nmore")).array ?? []
    #expect(read.content == .conversation(chosen: prompt + [good], rejected: prompt + [bad], sharedMessages: 4))
  }

  @Test func `Formats may be mixed within a file`() throws {
    let records: [JSON] = [
      ["chosen": [question, good], "rejected": [question, bad]],
      ["prompt": "p", "chosen": "a", "rejected": "b"],
      ["instruction": "q", "chosen": "good", "rejected": "bad"],
    ]
    let file = try read(records.map { $0.serialized() }.joined(separator: "\n"))
    #expect(
      file.pairs.map(\.content) == [expected(), .text(prompt: "p", chosen: "a", rejected: "b"), expected()])
  }
}
