import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Lines that are no pairs: exit code 65, file and line; --skip-bad-lines drops and counts them")
struct BadPairTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// A bad line and what must be said of it.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let line: Data
    let words: [String]

    init(_ description: String, _ line: Data, _ words: String...) {
      testDescription = description
      self.line = line
      self.words = words
    }

    init(_ description: String, _ json: JSON, _ words: String...) {
      testDescription = description
      line = Data(json.serialized().utf8)
      self.words = words
    }
  }

  private static let asked = Pairs.message("user", "Hi")
  private static let good = Pairs.message("assistant", "Hello!")
  private static func chosen(_ messages: JSON) -> JSON { ["chosen": messages, "rejected": [asked, good]] }

  static let cases = [
    Case("JSON that does not parse", Data(#"{"chosen": [}"#.utf8), "JSON"),
    Case("a pair without chosen", ["rejected": [asked, good]], "no \"chosen\"", "\"rejected\""),
    Case("an unknown role", chosen([asked, Pairs.message("robot", "Beep")]), "unknown role \"robot\"", "assistant"),
    Case(
      "content that is not text", chosen([asked, Pairs.message("assistant", 7)]), "chosen[1]", "content", "a number"),
    Case("an empty conversation", chosen([]), "\"chosen\" is an empty conversation"),
    Case("invalid UTF-8", Data(#"{"chosen": ""#.utf8) + [0xFF, 0xFE] + Data(#""}"#.utf8), "UTF-8"),
    Case("a line that is no object", ["chosen", "rejected"], "expected an object"),
  ]

  @Test("Each is refused with its file and line", arguments: cases)
  func refused(_ bad: Case) async throws {
    try write(bad)
    let outcome = try await Program.run(train(model: Checkout.demo), in: workspace)
    expect(outcome, code: 65, says: workspace.path("pairs.jsonl"), "1 of 4 lines", "line 3:", "--skip-bad-lines")
    for word in bad.words { #expect(outcome.messages.contains(word), "\(word) ∉ \(outcome.messages)") }
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("Each is skipped and counted when told so", arguments: cases)
  func skipped(_ bad: Case) async throws {
    try write(bad)
    let outcome = try await Program.succeed(
      ["data", "pairs.jsonl", "--tokenizer", Checkout.demo, "--skip-bad-lines", "--dump", "-"], in: workspace)
    #expect(try jsonLines(outcome.output).count == 3)
  }

  @Test("All of them are listed, and what is left trains")
  func listedAndTrained() async throws {
    try await TinyModel.make(in: workspace)
    var bytes = Data()
    for (pair, bad) in zip(Pairs.some(Self.cases.count), Self.cases) {
      bytes += Data((pair.serialized() + "\n").utf8) + bad.line + [0x0A]
    }
    try workspace.write(bytes, to: "pairs.jsonl")
    let refused = try await Program.run(train(), in: workspace)
    let lines = (1...Self.cases.count).map { "line \(2 * $0):" }
    expect(refused, code: 65, says: "7 of 14 lines are not usable")
    for line in lines { #expect(refused.messages.contains(line)) }
    #expect(!workspace.exists("out"))

    let trained = try await Program.run(train("--skip-bad-lines", "--max-steps", "1"), in: workspace)
    expect(trained, code: 0, says: "7 pairs, 7 to learn from", "skipped 7 unusable lines, the first at line 2")
    #expect(workspace.exists("out/model.safetensors"))
  }

  @Test("A file of nothing else is refused even then, and so is an empty one")
  func nothingLeft() async throws {
    try workspace.write("{}\n[]\n", to: "pairs.jsonl")
    let bad = try await Program.run(train("--skip-bad-lines", model: Checkout.demo), in: workspace)
    expect(bad, code: 65, says: workspace.path("pairs.jsonl"), "none of its 2 lines", "line 1:", "line 2:")
    try workspace.write("\n", to: "pairs.jsonl")
    let empty = try await Program.run(train(model: Checkout.demo), in: workspace)
    expect(empty, code: 65, says: workspace.path("pairs.jsonl"), "no preference pairs", "\"chosen\"")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("--max-length shorter than every prompt names the shortest prompt and the remedy")
  func tooShort() async throws {
    try workspace.write(Pairs.some(3), to: "pairs.jsonl")
    let whole = try await Program.succeed(
      ["data", "pairs.jsonl", "--tokenizer", Checkout.demo, "--dump", "-"], in: workspace)
    let shortest = try jsonLines(whole.output).compactMap { $0["shared_prefix"]?.int }.min() ?? 0
    let outcome = try await Program.run(train("--max-length", "6", model: Checkout.demo), in: workspace)
    expect(
      outcome, code: 65, says: "--max-length 6 is shorter than every prompt", "the shortest has \(shortest) tokens",
      "--truncation-mode keep_end")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  /// Two good lines, the bad one, a good one.
  private func write(_ bad: Case) throws {
    let good = Pairs.some(3).map { Data(($0.serialized() + "\n").utf8) }
    try workspace.write(good[0] + good[1] + bad.line + [0x0A] + good[2], to: "pairs.jsonl")
  }
}
