import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Answers: generate and chat")
struct GenerationTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("The same seed gives the same text, and another seed another")
  func seeds() async throws {
    let given = [
      "generate", "--model", Checkout.demo, "--prompt", "What is the capital of Poland?", "--temperature", "1.5",
      "--top-k", "200", "--top-p", "0.99", "--max-new-tokens", "24",
    ]
    let texts = try await [given + ["--seed", "1"], given + ["--seed", "1"], given + ["--seed", "2"]].asyncMap {
      try await Program.succeed($0, in: workspace).output
    }
    #expect(texts[0] == texts[1])
    #expect(texts[0] != texts[2])
  }

  @Test("A file of prompts is answered line by line as JSON, other members kept, as --prompt answers each")
  func file() async throws {
    try workspace.write(
      """
      {"id": 7, "prompt": "What is the capital of Poland?"}

      {"messages": [{"role": "user", "content": "请问松鼠最爱吃什么？"}]}
      """, to: "prompts.jsonl")
    let given = ["generate", "--model", Checkout.demo, "--max-new-tokens", "12"]
    let answers = try jsonLines(
      try await Program.succeed(given + ["--prompts", "prompts.jsonl"], in: workspace).output)
    #expect(answers.count == 2)
    #expect(answers[0]["id"] == 7)
    #expect(answers[1]["messages"]?[0]?["content"] == "请问松鼠最爱吃什么？")
    for (answer, prompt) in zip(answers, ["What is the capital of Poland?", "请问松鼠最爱吃什么？"]) {
      let alone = try await Program.succeed(given + ["--prompt", prompt], in: workspace).output
      #expect(alone == (answer["response"]?.string ?? "") + "\n")
      #expect(alone.count > 4)
    }
  }

  @Test("Lines of a prompt file that are no prompts: exit code 65, file and line, and no answers")
  func badPrompts() async throws {
    for (line, word) in [("{", "line 2"), ("[]", "object"), (#"{"text": "a"}"#, "\"messages\"")] {
      try workspace.write(#"{"prompt": "Hi"}"# + "\n" + line + "\n", to: "prompts.jsonl")
      let outcome = try await Program.run(
        "generate", "--model", Checkout.demo, "--prompts", "prompts.jsonl", in: workspace)
      expect(outcome, code: 65, says: "prompts.jsonl, line 2", word)
      #expect(outcome.output.isEmpty)
    }
    try workspace.write("\n", to: "prompts.jsonl")
    let empty = try await Program.run(
      "generate", "--model", Checkout.demo, "--prompts", "prompts.jsonl", in: workspace)
    expect(empty, code: 65, says: "prompts.jsonl", "no prompts")
  }

  @Test("--plain continues a text as it stands")
  func plain() async throws {
    let given = ["generate", "--model", Checkout.demo, "--max-new-tokens", "12"]
    let template = "<|im_start|>user\nWhat is the capital of Poland?<|im_end|>\n<|im_start|>assistant\n"
    let spelled = try await Program.succeed(given + ["--plain", "--prompt", template], in: workspace).output
    let rendered = try await Program.succeed(
      given + ["--prompt", "What is the capital of Poland?"], in: workspace
    ).output
    #expect(spelled == rendered)
  }

  @Test("chat answers piped lines, forgets at /new, ends at /quit and at the end of its input")
  func chat() async throws {
    // Drawn with the seed, anew for each answer, so that equal contexts and only they give equal answers.
    let given = ["chat", "--model", Checkout.demo, "--max-new-tokens", "16", "--temperature", "1.5"]
    let question = "What is the capital of Poland?"
    let once = try await Program.succeed(given, input: question + "\n", in: workspace).output
    #expect(once.count > 4)
    #expect(!once.hasPrefix(">"), "no prompt where nobody sees it")
    let twice = try await Program.succeed(
      given, input: question + "\n\n/new\n" + question + "\n/quit\n" + question + "\n", in: workspace
    ).output
    #expect(twice == once + once)
    let remembered = try await Program.succeed(given, input: question + "\n" + question + "\n", in: workspace).output
    #expect(remembered.hasPrefix(once))
    #expect(remembered != twice, "the second answer depends on the first")
  }
}

extension Array {
  /// One after the other, in order.
  func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
