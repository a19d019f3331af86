import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("data: what a preference file holds")
struct DataCommandTests {
  let workspace: Workspace
  let given = ["data", "pairs.jsonl", "--tokenizer", Checkout.demo]

  init() throws {
    workspace = try Workspace()
    // The fourth teaches nothing, its sides are equal.
    try workspace.write(Pairs.some(3) + [Pairs.pair("Hi", "Hello!", "Hello!")], to: "pairs.jsonl")
  }

  @Test("Statistics as a table and as JSON")
  func statistics() async throws {
    let table = try await Program.succeed(given, in: workspace).output
    for words in ["pairs", "trained on", "target tokens", "truncated sides", "length in tokens"] {
      #expect(table.contains(words), "\(words) ∉ \(table)")
    }
    let json = try JSON(parsing: try await Program.succeed(given + ["--json"], in: workspace).output)
    #expect(json["pairs"] == 4)
  }

  @Test("--show prints pairs without colour into a pipe, with marks in its place")
  func show() async throws {
    let text = try await Program.succeed(given + ["--show", "2", "--from", "1"], in: workspace).output
    #expect(!text.contains("\u{1B}"))
    #expect(text.contains("pair 1 (line 2)"))
    #expect(text.contains("pair 2 (line 3)"))
    #expect(!text.contains("pair 0"))
    #expect(text.contains("⟦Of course! It is 4.<|im_end|>"))
    let beyond = try await Program.run(given + ["--show", "1", "--from", "4"], in: workspace)
    expect(beyond, code: 64, says: "--from 4", "4 pairs")
  }

  @Test("--dump writes a JSON line a pair, the same to a file and to standard output, and nothing else there")
  func dump() async throws {
    let piped = try await Program.succeed(given + ["--dump", "-"], in: workspace).output
    try await Program.succeed(given + ["--dump", "dump.jsonl"], in: workspace)
    #expect(try workspace.text("dump.jsonl") == piped)
    let lines = try jsonLines(piped)
    #expect(lines.compactMap { $0["index"]?.int } == [0, 1, 2, 3])
    #expect(lines.compactMap { $0["dropped"]?.bool } == [false, false, false, true])
    #expect(lines[3]["reason"]?.string?.isEmpty == false)
    for line in lines {
      for side in ["chosen", "rejected"] {
        let ids = try #require(line[side + "_ids"]?.array)
        let mask = try #require(line[side + "_mask"]?.array)
        #expect(ids.count == mask.count)
        let shared = line["shared_prefix"]?.int ?? 0
        #expect(ids.prefix(shared) == line["chosen_ids"]?.array?.prefix(shared))
      }
    }
  }

  @Test("Plain text beside a chat template is said, and --apply-chat-template makes conversations of it")
  func plainText() async throws {
    let texts: [JSON] = [["prompt": "Two and two?", "chosen": "Four.", "rejected": "Five."]]
    try workspace.write(texts, to: "texts.jsonl")
    let conversations: [JSON] = [
      [
        "prompt": [["role": "user", "content": "Two and two?"]], "chosen": [["role": "assistant", "content": "Four."]],
        "rejected": [["role": "assistant", "content": "Five."]],
      ]
    ]
    try workspace.write(conversations, to: "conversations.jsonl")
    let options = ["--tokenizer", Checkout.demo]
    let plain = try await Program.succeed(["data", "texts.jsonl"] + options, in: workspace).output
    #expect(plain.contains("1 of 1 pairs are plain text") && plain.contains("--apply-chat-template"), "\(plain)")
    let applied = try await Program.succeed(
      ["data", "texts.jsonl", "--apply-chat-template", "--dump", "-"] + options, in: workspace)
    let expected = try await Program.succeed(["data", "conversations.jsonl", "--dump", "-"] + options, in: workspace)
    #expect(applied.output == expected.output)
  }

  @Test("A JSON array and a compressed file mean the same as lines")
  func formats() async throws {
    let lines = try await Program.succeed(given + ["--dump", "-"], in: workspace).output
    let pairs = try workspace.lines("pairs.jsonl")
    try workspace.write(JSON.array(pairs).serialized(.pretty), to: "pairs.json")
    let array = try await Program.succeed(
      ["data", "pairs.json", "--tokenizer", Checkout.demo, "--dump", "-"], in: workspace)
    #expect(array.output == lines)
  }
}

@Suite(
  "data, on 600 real pairs with MiniMind's tokenizer",
  .enabled(if: Shared.isThere, "needs ../shared or MINIMIND_SHARED"))
struct SharedPairsTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func dump(_ more: String...) async throws -> [JSON] {
    let outcome = try await Program.succeed(
      ["data", Shared.pairs, "--tokenizer", Shared.tokenizer, "--max-length", "1024", "--dump", "-"] + more,
      in: workspace)
    return try jsonLines(outcome.output)
  }

  @Test("600 lines; 81 pairs are dropped where empty thinking blocks are kept")
  func dropped() async throws {
    let lines = try await dump()
    #expect(lines.compactMap { $0["index"]?.int } == Array(0..<600))
    #expect(lines.count { $0["dropped"] == true } == 81)
  }

  @Test(
    "Every id and mask equals what transformers gives (Tools/reference/minimind_pairs.py)",
    .enabled(if: Shared.python != nil, "needs MINIMIND_REFERENCE_PYTHON, a Python with transformers and trl"),
    arguments: ["keep", "drop"], ["last-turns", "all"])
  func reference(emptyThink: String, mask: String) async throws {
    let options = ["--empty-think", emptyThink, "--completion-mask", mask]
    let script = Checkout.root.appendingPathComponent("Tools/reference/minimind_pairs.py").path
    let python = try await Program.run(
      [script, Shared.pairs, Shared.tokenizer, "--max-length", "1024", "--output", "expected.jsonl"] + options,
      in: workspace, timeout: .seconds(300), program: URL(fileURLWithPath: Shared.python ?? ""))
    try #require(python.code == 0, "\(python.messages)")
    let expected = try workspace.lines("expected.jsonl")
    let found = try await dump("--empty-think", emptyThink, "--completion-mask", mask)
    #expect(found.count == expected.count)
    // The reference does not say why a pair is dropped.
    let keys = ["index", "chosen_ids", "rejected_ids", "chosen_mask", "rejected_mask", "shared_prefix", "dropped"]
    let differing = zip(found, expected).filter { one, other in keys.contains { one[$0] != other[$0] } }
      .compactMap { $1["index"]?.int }
    #expect(differing.isEmpty)
  }
}

/// Pairs and tokenizer of MiniMind, which lie outside the checkout.
enum Shared {
  private static let root =
    ProcessInfo.processInfo.environment["MINIMIND_SHARED"].map { URL(fileURLWithPath: $0) }
    ?? Checkout.root.deletingLastPathComponent().appendingPathComponent("shared")
  static let pairs = root.appendingPathComponent("data/dpo_en_zh_600.jsonl").path
  static let tokenizer = root.appendingPathComponent("minimind").path
  static var isThere: Bool {
    [pairs, tokenizer + "/tokenizer.json"].allSatisfy(FileManager.default.fileExists)
  }
  static let python = ProcessInfo.processInfo.environment["MINIMIND_REFERENCE_PYTHON"]
}
