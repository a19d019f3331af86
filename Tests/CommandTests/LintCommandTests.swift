import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("data --lint: what is wrong with a preference file")
struct LintCommandTests {
  let workspace: Workspace
  let given = ["data", "pairs.jsonl", "--tokenizer", Checkout.demo]

  /// The fourth teaches nothing, the fifth repeats the second.
  init() throws {
    workspace = try Workspace()
    let pairs = Pairs.some(3)
    try workspace.write(pairs + [Pairs.pair("Hi", "Hello!", "Hello!"), pairs[1]], to: "pairs.jsonl")
  }

  @Test("A report for readers, and the same for programs")
  func report() async throws {
    let text = try await Program.succeed(given + ["--lint"], in: workspace).output
    for words in [
      "pairs.jsonl: 5 pairs, 2 problems", "problem  identical-sides: 1 of 5 pairs (20.0 %)", "line 4:",
      "line 5: the same as line 2", "chosen answers",
    ] {
      #expect(text.contains(words), "\(words) ∉ \(text)")
    }
    let json = try JSON(parsing: try await Program.succeed(given + ["--lint", "--json"], in: workspace).output)
    #expect(json["removable_pairs"] == 2 && json["problems"] == 2)
    let findings = try #require(json["findings"]?.array)
    #expect(findings.first?["pairs"] == [3] && findings.first?["examples"]?[0]?["line"] == 4)
    // What is kept with the tokens says the same.
    #expect(try await Program.succeed(given + ["--lint"], in: workspace).output == text)
  }

  @Test("--eval-data finds prompts that are in both files, and --strict refuses them")
  func leaks() async throws {
    try workspace.write([Pairs.some(3)[2]], to: "held.jsonl")
    let outcome = try await Program.run(given + ["--eval-data", "held.jsonl", "--strict"], in: workspace)
    expect(outcome, code: 65, says: "3 problems", "leaked-prompts", "--write-clean")
    #expect(outcome.output.contains("the prompt of line 1 of held.jsonl"), "\(outcome.output)")
  }

  @Test("--write-clean writes a file that --strict accepts, and never the file that it reads")
  func clean() async throws {
    let before = try workspace.text("pairs.jsonl")
    let outcome = try await Program.succeed(given + ["--write-clean", "clean.jsonl"], in: workspace)
    #expect(outcome.messages.contains("3 pairs, 2 left out"), "\(outcome.messages)")
    let lines = before.split(separator: "\n")
    #expect(try workspace.text("clean.jsonl") == lines[..<3].joined(separator: "\n") + "\n")
    try await Program.succeed(["data", "clean.jsonl", "--tokenizer", Checkout.demo, "--strict"], in: workspace)

    try FileManager.default.createSymbolicLink(atPath: workspace.path("link"), withDestinationPath: "pairs.jsonl")
    for name in ["pairs.jsonl", "link", "./pairs.jsonl"] {
      let refused = try await Program.run(given + ["--write-clean", name], in: workspace)
      expect(refused, code: 64, says: "--write-clean \(name)", "the file that is read")
    }
    #expect(try workspace.text("pairs.jsonl") == before)
    let nowhere = try await Program.run(given + ["--write-clean", "no/such/folder.jsonl"], in: workspace)
    expect(nowhere, code: 73, says: "no/such/folder.jsonl")
  }

  @Test("A copy without any pair is not written")
  func nothingLeft() async throws {
    try workspace.write([Pairs.pair("Hi", "Hello!", "Hello!")], to: "same.jsonl")
    let outcome = try await Program.run(
      ["data", "same.jsonl", "--tokenizer", Checkout.demo, "--write-clean", "clean.jsonl"], in: workspace)
    expect(outcome, code: 65, says: "no pair would be left")
    #expect(!workspace.exists("clean.jsonl"))
  }
}

@Suite(
  "data --lint, on 600 real pairs with MiniMind's tokenizer",
  .enabled(if: Shared.isThere, "needs ../shared or MINIMIND_SHARED"))
struct SharedLintTests {
  @Test("The findings are those of docs/linting.md")
  func findings() async throws {
    let json = try JSON(
      parsing: try await Program.succeed(
        ["data", Shared.pairs, "--tokenizer", Shared.tokenizer, "--lint", "--json"], in: try Workspace()
      ).output)
    let found = json["findings"]?.array?.map { "\($0["check"]?.string ?? "") \($0["count"]?.int ?? 0)" }
    #expect(
      found == [
        "same-after-truncation 81", "exact-duplicates 16", "lost-end-tokens 128", "cut-answers 290", "other-language 1",
        "one-token-answers 2",
      ])
  }
}
