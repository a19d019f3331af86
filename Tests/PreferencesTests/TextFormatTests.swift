import Foundation
import OrderedJSON
import Preferences
import Testing

/// Texts for supervised fine-tuning: what lines hold them, and which of their tokens are learned.
struct TextFormatTests {
  private func texts(_ lines: [JSON], examples: ExampleKind = .texts) throws -> [PreferencePair] {
    try PreferenceFile(
      bytes: Data(lines.map { $0.serialized() + "\n" }.joined().utf8), name: "texts.jsonl", examples: examples
    ).pairs
  }

  /// The targets of a line, run by run.
  private func targets(
    _ line: JSON, examples: ExampleKind = .texts, _ options: PairOptions = PairOptions(),
    _ template: @escaping PairTokenizer.Render = Templates.chatML
  ) throws -> [String] {
    let text = try #require(try texts([line], examples: examples).first)
    let tokenized = try byteTokenizer(template, options).tokenize(text)
    #expect(!tokenized.hasRejected)
    #expect(tokenized.rejectedTargets.isEmpty)
    return targetTexts(tokenized.chosenIDs, tokenized.chosenTargets)
  }

  /// The bad lines that make texts unreadable.
  private func badTexts(_ text: String) -> [BadLine] {
    do {
      _ = try PreferenceFile(bytes: Data(text.utf8), name: "texts.jsonl", examples: .texts)
    } catch .badLines(_, let lines, _) {
      return lines
    } catch {}
    return []
  }

  private let twoTurns = conversation(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"))

  @Test func `Every assistant turn of a conversation is learned, whoever wrote it down`() throws {
    let shareGPT: JSON = [
      ["from": "human", "value": "q1"], ["from": "gpt", "value": "a1"], ["from": "human", "value": "q2"],
      ["from": "gpt", "value": "a2"],
    ]
    for line: JSON in [["conversations": twoTurns], ["messages": twoTurns], ["conversations": shareGPT]] {
      #expect(try targets(line) == ["a1<|im_end|>\n", "a2<|im_end|>\n"])
      #expect(try targets(line, PairOptions(completionMask: .all)) == ["a1<|im_end|>\n", "a2<|im_end|>\n"])
    }
  }

  @Test func `Of a prompt and a completion only the completion is learned, unless all turns are asked for`() throws {
    let line: JSON = [
      "prompt": conversation(("user", "q1"), ("assistant", "a1"), ("user", "q2")),
      "completion": conversation(("assistant", "a2")),
    ]
    #expect(try targets(line) == ["a2<|im_end|>\n"])
    #expect(try targets(line, PairOptions(completionMask: .all)) == ["a1<|im_end|>\n", "a2<|im_end|>\n"])
    #expect(try targets(["prompt": "q", "completion": conversation(("assistant", "a"))]) == ["a<|im_end|>\n"])
    #expect(try targets(["instruction": "q", "input": "x", "output": "a"]) == ["a<|im_end|>\n"])
  }

  @Test func `Plain text is learned with the token that ends it, from its second token or its completion on`() throws {
    #expect(try targets(["text": "words"]) == ["words</s>"])
    #expect(try targets(["prompt": "2 + 2 =", "completion": " 4"]) == [" 4</s>"])
    #expect(try targets(["prompt": "q", "completion": " a</s>"]) == [" a</s>"])
  }

  @Test func `A pair's chosen side is learned as its pair has it`() throws {
    let line: JSON = [
      "chosen": twoTurns,
      "rejected": conversation(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "b")),
    ]
    for mask in PairOptions.CompletionMask.allCases {
      let options = PairOptions(completionMask: mask)
      let pair = try byteTokenizer(Templates.chatML, options).tokenize(PreferenceFormat.pair(of: line))
      #expect(
        try targets(line, examples: .chosenTexts, options) == targetTexts(pair.chosenIDs, pair.chosenTargets))
    }
  }

  @Test func `Tools, a system message and template variables go to the template`() throws {
    let tools: JSON = [["type": "function", "function": ["name": "f"]]]
    let system: JSON = ["role": "system", "content": "s", "tools": .string(tools.serialized())]
    let messages = try #require(twoTurns.array)
    let read = try texts([
      ["messages": twoTurns, "tools": tools, "system": "s", "chat_template_kwargs": ["enable_thinking": true]],
      ["conversations": .array([system] + messages)],
    ])
    #expect(read.map(\.tools) == [tools.array, tools.array])
    #expect(read[0].templateVariables["enable_thinking"] == true)
    for text in read {
      guard case .conversation(let messages, let rejected, let shared) = text.content else {
        Issue.record("\(text) is no conversation")
        continue
      }
      #expect(messages.first?["role"] == "system")
      #expect(messages.count == 5)
      #expect(rejected.isEmpty)
      #expect(shared == 0)
    }
  }

  @Test(arguments: [
    (#"{"messages": [{"role": "user", "content": "q"}]}"#, "no turn of the assistant"),
    (#"{"messages": [{"role": "robot", "content": "q"}]}"#, "unknown role"),
    (#"{"messages": 3}"#, "expected a list"), (#"{"text": ""}"#, "empty"), (#"{"text": 5}"#, "expected a text"),
    (#"{"prompt": "q", "completion": ""}"#, "empty text"), (#"{"prompt": [], "completion": "a"}"#, "formats known"),
    (#"{"completion": "a"}"#, "absent"), (#"{"answer": "a"}"#, "formats known"), ("[1]", "expected an object"),
    (#"{"instruction": "q", "output": null}"#, "output"),
    (#"{"chosen": [], "rejected": []}"#, "--from-preferences"),
    (#"{"text": "a", "messages": 7, "tools": []}"#, "expected a list"),
    (#"{"messages": [{"role": "assistant", "content": "a"}], "input": "more"}"#, "would not be read"),
  ])
  func `A line that is no text is refused with its place and what is wrong`(line: String, words: String) throws {
    let good = #"{"text": "good"}"#
    let bad = badTexts("\(good)\n\(line)\n")
    #expect(bad.map(\.line) == [2])
    #expect(bad.first?.reason.contains(words) == true, "\(bad)")
    let skipped = try PreferenceFile(
      bytes: Data("\(good)\n\(line)\n".utf8), name: "texts.jsonl", skipBadLines: true, examples: .texts)
    #expect(skipped.pairs.count == 1)
  }

  @Test func `A file without texts says what was expected`() throws {
    #expect(throws: PreferenceFileError.empty(path: "texts.jsonl", .texts)) {
      _ = try PreferenceFile(bytes: Data("\n".utf8), name: "texts.jsonl", examples: .texts)
    }
    #expect(PreferenceFileError.empty(path: "x", .texts).description.contains("\"messages\""))
  }

  @Test func `A text of which nothing is left to learn is dropped, and a cut one keeps its beginning`() throws {
    let line: JSON = ["messages": conversation(("user", "a long question"), ("assistant", "answer"))]
    let text = try #require(try texts([line]).first)
    let none = try byteTokenizer(Templates.chatML, PairOptions(maxLength: 8)).tokenize(text)
    #expect(none.dropReason == .noTargetsInText)
    let some = try byteTokenizer(Templates.chatML, PairOptions(maxLength: 40)).tokenize(text)
    #expect(some.dropReason == nil)
    #expect(some.chosenIDs.count == 40)
    #expect(some.chosenIsTruncated)
  }

  @Test func `Texts with nothing before them have prompts of their own`() throws {
    let read = try texts([["text": "one"], ["text": "two"], ["text": "one"]])
    let keys = try read.map { try byteTokenizer().tokenize($0).promptKey }
    #expect(keys[0] != keys[1])
    #expect(keys[0] == keys[2])
  }

  @Test func `Keys of other names are found`() throws {
    let read = try PreferenceFile(
      bytes: Data(#"{"q": "2 + 2 =", "a": " 4"}"#.utf8), name: "texts.jsonl",
      columns: ColumnNames("prompt=q,completion=a"), examples: .texts)
    #expect(read.pairs[0].content == .text(prompt: "2 + 2 =", chosen: " 4", rejected: ""))
  }

  @Test func `Packed texts are trees without branches, one of a prompt's texts where they share it`() throws {
    func text(_ ids: [Int32], _ index: Int, prompt: UInt64) -> TokenizedPair {
      var text = TokenizedPair(text: ids, targets: ids.indices.map { $0 >= 3 }, index: index)
      text.promptKey = prompt
      return text
    }
    let alone = TreeBatch([text([1, 2, 3, 4, 5], 0, prompt: 1), text([1, 2, 3, 6], 1, prompt: 2)])
    #expect(alone.trees.map(\.count) == [4, 3])
    #expect(alone.tokens == [1, 2, 3, 4, 1, 2, 3])
    #expect(alone.targets == [4, 5, 6])
    #expect(alone.targetCounts == [2, 1, 0, 0])
    #expect(alone.sideTokenCount == 9)

    let shared = TreeBatch([text([1, 2, 3, 4, 5], 0, prompt: 1), text([1, 2, 3, 6], 1, prompt: 1)])
    #expect(shared.tokens == [1, 2, 3, 4])
    #expect(shared.trees == [TreeBatch.Tree(prefix: 3, branches: [1, 0])])
    #expect(shared.targets == [4, 5, 6])
    #expect(shared.targetCounts == [2, 1, 0, 0])
  }
}
