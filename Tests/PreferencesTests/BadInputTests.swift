import Foundation
import OrderedJSON
import Preferences
import Testing

/// A record that is no pair, and words its reason must contain.
struct BadRecord: Sendable, CustomTestStringConvertible {
  var name: String
  var record: String
  var words: [String]
  var testDescription: String { name }
}

struct BadInputTests {
  private static func both(_ messages: String) -> String { #"{"chosen": \#(messages), "rejected": \#(messages)}"# }
  private static let answer = #"{"role": "assistant", "content": "a"}"#

  static let records: [BadRecord] = [
    BadRecord(name: "cut off", record: #"{"chosen": ["#, words: ["not JSON", "column"]),
    BadRecord(name: "no object", record: "17", words: ["expected an object", "found a number"]),
    BadRecord(
      name: "no chosen", record: #"{"rejected": [], "x": 1}"#, words: ["no \"chosen\"", "\"rejected\", \"x\""]),
    BadRecord(
      name: "no rejected", record: #"{"chosen": []}"#, words: ["no \"rejected\"", "MiniMind", "LLaMA-Factory"]),
    BadRecord(
      name: "unknown role", record: both(#"[{"role": "robot", "content": "x"}, \#(answer)]"#),
      words: ["chosen[0]", "unknown role \"robot\"", "system, user, assistant, tool"]),
    BadRecord(name: "no role", record: both(#"[{"content": "x"}]"#), words: ["chosen[0]", "no \"role\""]),
    BadRecord(
      name: "content a number", record: both(#"[{"role": "user", "content": 3}, \#(answer)]"#),
      words: ["chosen[0].content is a number", "expected a text"]),
    BadRecord(
      name: "content an object", record: both(#"[{"role": "user", "content": {"a": 1}}, \#(answer)]"#),
      words: ["chosen[0].content is an object"]),
    BadRecord(
      name: "content null", record: both(#"[{"role": "user", "content": null}, \#(answer)]"#),
      words: ["chosen[0].content is null", "tool_calls"]),
    BadRecord(
      name: "content absent", record: both(#"[{"role": "user", "content": "q"}, {"role": "assistant"}]"#),
      words: ["chosen[1].content is absent"]),
    BadRecord(
      name: "an image", record: both(#"[{"role": "user", "content": [{"type": "image"}]}, \#(answer)]"#),
      words: ["chosen[0].content[0]", "\"image\"", "only text"]),
    BadRecord(
      name: "tool calls not a list",
      record: both(#"[{"role": "assistant", "content": null, "tool_calls": "no"}]"#),
      words: ["chosen[0].tool_calls is a text"]),
    BadRecord(
      name: "reasoning not a text",
      record: both(#"[{"role": "assistant", "content": "x", "reasoning_content": 1}]"#),
      words: ["reasoning_content is a number"]),
    BadRecord(name: "empty conversation", record: both("[]"), words: ["\"chosen\" is an empty conversation"]),
    BadRecord(
      name: "no assistant at the end", record: both(#"[\#(answer), {"role": "user", "content": "q"}]"#),
      words: ["\"chosen\" ends with a user turn"]),
    BadRecord(name: "a message that is text", record: both(#"["hello"]"#), words: ["chosen[0] is a text"]),
    BadRecord(
      name: "empty prompt",
      record: #"{"prompt": [], "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"prompt\" is an empty conversation"]),
    BadRecord(
      name: "text and messages", record: #"{"prompt": "q", "chosen": "a", "rejected": [\#(answer)]}"#,
      words: ["\"prompt\" is a text, \"chosen\" a text, \"rejected\" a list"]),
    BadRecord(name: "numbers", record: #"{"chosen": 1, "rejected": 2}"#, words: ["\"prompt\" is absent"]),
    BadRecord(
      name: "empty text", record: #"{"prompt": "q", "chosen": "", "rejected": "b"}"#, words: ["\"chosen\" is an"]),
    BadRecord(
      name: "texts without a prompt", record: #"{"chosen": "yes", "rejected": "no"}"#, words: ["do not begin alike"]),
    BadRecord(
      name: "tools not JSON", record: #"{"tools": "x", "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"tools\" is a string, but not"]),
    BadRecord(
      name: "tools a number", record: #"{"tools": 1, "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"tools\" is a number"]),
    BadRecord(
      name: "template variables a list",
      record: #"{"chat_template_kwargs": [], "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"chat_template_kwargs\" is a list"]),
    BadRecord(
      name: "ShareGPT role",
      record: #"{"conversations": [{"from": "me", "value": "q"}], "chosen": {}, "rejected": {}}"#,
      words: ["conversations[0]", "unknown role \"me\"", "human, gpt"]),
    BadRecord(
      name: "ShareGPT value",
      record: #"{"conversations": [{"from": "human", "value": 1}], "chosen": {}, "rejected": {}}"#,
      words: ["conversations[0].value is a number"]),
    BadRecord(
      name: "ShareGPT list of answers",
      record: #"{"conversations": [{"from": "human", "value": "q"}], "chosen": [], "rejected": []}"#,
      words: ["\"chosen\" is a list beside \"conversations\""]),
    BadRecord(
      name: "ShareGPT human answer",
      record: #"{"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "human", "value": "q"}, "#
        + #""rejected": {"from": "gpt", "value": "q"}}"#,
      words: ["\"chosen\" ends with a user turn"]),
    BadRecord(
      name: "ShareGPT function without JSON",
      record: #"{"conversations": [{"from": "function", "value": "f()"}], "chosen": {}, "rejected": {}}"#,
      words: ["function turn must be the JSON text"]),
    BadRecord(
      name: "Alpaca list", record: #"{"instruction": "q", "chosen": ["a", "b"], "rejected": "c"}"#,
      words: ["\"chosen\" is a list beside \"instruction\""]),
    BadRecord(
      name: "a system text beside plain text",
      record: #"{"system": "s", "prompt": "q", "chosen": "a", "rejected": "b"}"#,
      words: ["\"system\" would not be read"]),
    BadRecord(
      name: "history beside messages",
      record: #"{"history": [["a", "b"]], "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"history\" would not be read"]),
    BadRecord(
      name: "images", record: #"{"images": ["a.png"], "chosen": [\#(answer)], "rejected": [\#(answer)]}"#,
      words: ["\"images\" would not be read"]),
    BadRecord(
      name: "tools beside plain text",
      record: #"{"tools": [{}], "prompt": "q", "chosen": "a", "rejected": "b"}"#, words: ["\"tools\" would not be read"]
    ),
    BadRecord(
      name: "a prompt beside an instruction",
      record: #"{"prompt": "p", "instruction": "q", "chosen": "a", "rejected": "b"}"#,
      words: ["\"prompt\" would not be read", "\"instruction\""]),
    BadRecord(
      name: "a prompt that is in no message",
      record: #"{"prompt": "another", "chosen": [{"role": "user", "content": "q"}, \#(answer)], "#
        + #""rejected": [{"role": "user", "content": "q"}, \#(answer)]}"#,
      words: ["\"prompt\" is in no message"]),
    BadRecord(
      name: "messages of another conversation",
      record:
        #"{"messages": [{"role": "user", "content": "r"}], "chosen": [{"role": "user", "content": "q"}, \#(answer)], "#
        + #""rejected": [{"role": "user", "content": "q"}, \#(answer)]}"#,
      words: ["\"messages\" is not the beginning"]),
    BadRecord(
      name: "another system text",
      record: #"{"system": "s", "chosen": [{"role": "system", "content": "t"}, \#(answer)], "#
        + #""rejected": [{"role": "system", "content": "t"}, \#(answer)]}"#,
      words: ["\"system\" is not the system message"]),
    BadRecord(
      name: "Alpaca nothing asked", record: #"{"instruction": "", "chosen": "a", "rejected": "c"}"#,
      words: ["both empty"]),
  ]

  @Test(arguments: records) func `A bad record is named with its line and reason`(bad: BadRecord) {
    let lines = badLines(goodLine + "\n\n" + bad.record + "\n" + goodLine)
    #expect(lines.map(\.line) == [3])
    for word in bad.words { #expect(lines.first?.reason.contains(word) == true, "\(lines) lacks \(word)") }
  }

  @Test(arguments: records.filter { $0.name != "cut off" })
  func `A bad element of a JSON array is named with its line`(bad: BadRecord) {
    let lines = badLines("[" + goodLine + ",\n\n" + bad.record + "\n,\n" + goodLine + "]")
    #expect(lines.map(\.line) == [3])
  }

  @Test func `Invalid UTF-8 is named with its line and column`() {
    var bytes = Data((goodLine + "\n" + #"{"prompt": "q"#).utf8)
    bytes.append(0xFF)
    bytes.append(contentsOf: #"", "chosen": "a", "rejected": "b"}"#.utf8)
    let lines = badLines(bytes)
    #expect(lines.map(\.line) == [2])
    #expect(lines.first?.reason.hasPrefix("not valid UTF-8: column 14") == true, "\(lines)")
  }

  @Test func `A syntax error inside a spread-out element is named with its own line`() {
    let lines = badLines("[\n{\n\"chosen\": [],\n\"rejected\" []\n}\n]")
    #expect(lines.map(\.line) == [4])
  }

  @Test func `An array that is not closed, or not alone, is bad`() {
    let open = badLines("[\n" + goodLine + ",\n" + goodLine.dropLast(20))
    #expect(open.map(\.line) == [3])
    #expect(open.first?.reason.contains("not closed") == true)
    #expect(badLines("[" + goodLine + "]\n" + goodLine).map(\.line) == [2])
    #expect(badLines("[" + goodLine + ",]").map(\.line) == [1])
    #expect(badLines("[" + goodLine + ",\n,\n" + goodLine + "]").map(\.line) == [2])
  }
}
