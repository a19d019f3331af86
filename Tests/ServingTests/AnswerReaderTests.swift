import Serving
import Testing

@Suite("Thoughts, content and tool calls in the text of an answer")
struct AnswerReaderTests {
  /// What a text is read as, joined where neighbours are of one kind, in pieces of a size.
  private func read(_ text: String, tools: Bool = false, thinks: Bool = false, pieces size: Int) -> [AnswerPart] {
    var reader = AnswerReader(startsInThought: thinks, findsToolCalls: tools)
    var parts: [AnswerPart] = []
    var rest = Array(text.unicodeScalars)[...]
    while !rest.isEmpty {
      var piece = ""
      piece.unicodeScalars.append(contentsOf: rest.prefix(size))
      rest = rest.dropFirst(size)
      parts += reader.append(piece)
    }
    parts += reader.finish()
    return parts.reduce(into: []) { joined, part in
      switch (joined.last, part) {
      case (.content(let a), .content(let b)): joined[joined.count - 1] = .content(a + b)
      case (.reasoning(let a), .reasoning(let b)): joined[joined.count - 1] = .reasoning(a + b)
      default: joined.append(part)
      }
    }
  }

  /// The same in pieces of every size.
  private func expect(
    _ text: String, tools: Bool = false, thinks: Bool = false, _ expected: [AnswerPart],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for size in [1, 2, 3, 7, 1000] {
      #expect(
        read(text, tools: tools, thinks: thinks, pieces: size) == expected, "pieces of \(size)",
        sourceLocation: sourceLocation)
    }
  }

  @Test("Plain text is content as it stands, white space and beginnings of marks too")
  func plain() {
    expect(" Hello,\n 世界! \n", [.content(" Hello,\n 世界! \n")])
    expect("a < b, <thin, <", [.content("a < b, <thin, <")])
    expect("", [])
  }

  @Test("What stands in a thought is reasoning, without the line feeds at its marks")
  func thoughts() {
    expect("<think>\nOne.\nTwo.\n</think>\n\nYes.\n", [.reasoning("One.\nTwo."), .content("Yes.\n")])
    expect("<think>\n\n</think>\n\nYes.", [.content("Yes.")])
    expect("One.\n</think>\n\nYes.", thinks: true, [.reasoning("One."), .content("Yes.")])
    expect("<think>\nnever ended\n", [.reasoning("never ended")])
    expect("a</think>b", [.content("a</think>b")])
    expect("<think>a <b> </thin </think>c", [.reasoning("a <b> </thin"), .content("c")])
  }

  @Test("Calls are found where tools were offered, and are content where not")
  func calls() {
    let call = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"北京\", \"days\": 2}}\n</tool_call>"
    let weather = AnswerPart.toolCall(ToolCall(name: "weather", arguments: #"{"city": "北京", "days": 2}"#))
    expect(call, tools: true, [weather])
    expect("Let me see.\n" + call + "\n" + call + "\n", tools: true, [.content("Let me see."), weather, weather])
    expect("<think>\nHm.\n</think>\n\n" + call, tools: true, [.reasoning("Hm."), weather])
    expect(call, [.content(call)])
    expect(call.replacing("</tool_call>", with: ""), tools: true, [weather])
    expect("Hello. \n", tools: true, [.content("Hello. \n")])
  }

  @Test("Arguments as text and without any are taken; what is no call is content")
  func callForms() {
    func parts(_ text: String) -> [AnswerPart] { read("<tool_call>" + text + "</tool_call>", tools: true, pieces: 4) }
    #expect(
      parts(#"{"name": "f", "arguments": "{\"a\": 1}"}"#) == [.toolCall(ToolCall(name: "f", arguments: #"{"a": 1}"#))])
    #expect(parts(#"{"name": "f"}"#) == [.toolCall(ToolCall(name: "f", arguments: "{}"))])
    for text in ["{", #"{"arguments": {}}"#, #"{"name": "f", "arguments": 3}"#, "weather()", #"{"name": ""}"#] {
      #expect(parts(text) == [.content("<tool_call>" + text + "</tool_call>")])
    }
  }
}
