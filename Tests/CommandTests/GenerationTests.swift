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
    let given = ["chat", "--model", Checkout.demo, "--max-new-tokens", "16", "--temperature", "1.5", "--seed", "3"]
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

  @Test("Without settings, chat samples, anew each time; greedy with --temperature 0")
  func sampling() async throws {
    let question = "What is the capital of Poland?\n"
    let given = ["chat", "--model", Checkout.demo, "--max-new-tokens", "40"]
    let input = String(repeating: "/reset\n" + question, count: 6)
    let sampled = try await Program.succeed(given, input: input, in: workspace).output
    #expect(Set(sampled.split(separator: "\n")).count > 1)
    let greedy = try await Program.succeed(given + ["--temperature", "0"], input: input, in: workspace).output
    #expect(Set(greedy.split(separator: "\n")).count == 1)
    let plain = try await Program.succeed(
      ["generate", "--model", Checkout.demo, "--max-new-tokens", "40", "--prompt", "What is the capital of Poland?"],
      in: workspace
    ).output
    #expect(greedy.hasPrefix(plain))
  }

  @Test("chat without --model takes the newest out/dpo_*.pth of a checkout, and compares it with full_sft beside it")
  func newestWeights() async throws {
    let missing = try await Program.run(["chat"], input: "Hi\n", in: workspace)
    expect(missing, code: 64, says: "--model", "out/dpo_*.pth")
    try FileManager.default.createDirectory(
      at: workspace.url.appendingPathComponent("out"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: workspace.path("model"), withDestinationPath: Checkout.demo)
    for name in ["dpo_512", "dpo_768", "full_sft_768", "pretrain_768"] {
      try await Program.succeed(
        ["convert", "--model", Checkout.demo, "--to", "out/\(name).pth"], in: workspace)
    }
    let old = Date(timeIntervalSinceNow: -100)
    try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: workspace.path("out/dpo_512.pth"))
    let given = ["chat", "--max-new-tokens", "8"]
    let outcome = try await Program.run(given, input: "Hi\n/compare\n", in: workspace)
    expect(outcome, code: 0, says: "--model out/dpo_768.pth")
    #expect(outcome.output.contains("out/full_sft_768.pth:"))
  }

  @Test("Prompts come from standard input and from text files, a line each; nothing to answer is an error")
  func standardInput() async throws {
    let given = ["generate", "--model", Checkout.demo, "--max-new-tokens", "12"]
    let questions = ["What is the capital of Poland?", "请问松鼠最爱吃什么？"]
    let text = questions.joined(separator: "\n\n") + "\n"
    try workspace.write(text, to: "prompts.txt")
    let file = try jsonLines(try await Program.succeed(given + ["--prompts", "prompts.txt"], in: workspace).output)
    #expect(file.map { $0["prompt"]?.string } == questions)
    let piped = try jsonLines(
      try await Program.succeed(given + ["--prompts", "-"], input: text, in: workspace).output)
    #expect(piped == file)
    let objects = questions.map { JSON.object(["prompt": .string($0)]).serialized() }.joined(separator: "\n")
    let json = try jsonLines(
      try await Program.succeed(given + ["--prompts", "-"], input: objects, in: workspace).output)
    #expect(json == file)
    let single = try await Program.succeed(given + ["--prompt", "-"], input: questions[0] + "\n", in: workspace).output
    #expect(single == (file[0]["response"]?.string ?? "") + "\n")
    for (option, input) in [("--prompts", ""), ("--prompts", " \n\n"), ("--prompt", ""), ("--prompt", "\n")] {
      let outcome = try await Program.run(given + [option, "-"], input: input, in: workspace)
      expect(outcome, code: 65, says: "standard input")
    }
    expect(try await Program.run(given + ["--prompt", ""], in: workspace), code: 64, says: "--prompt")
    expect(try await Program.run(given + ["--prompts", "none.txt"], in: workspace), code: 66, says: "none.txt")
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
