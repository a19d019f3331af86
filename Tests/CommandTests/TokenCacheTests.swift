import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Tokens are kept between starts")
struct TokenCacheTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
  }

  private var kept: [String] { workspace.names(in: ".cache/tokens") }

  @Test("A second start gives the same messages and the same weights without tokenizing, and a changed file new tokens")
  func secondStart() async throws {
    try await TinyModel.make(in: workspace)
    func start(_ output: String, _ more: String...) async throws -> (messages: [String], weights: Data) {
      let outcome = try await Program.succeed(
        train("--max-steps", "2", "--learning-rate", "1e-2", output: output) + more, in: workspace)
      // What comes after the first step tells of time, which no two runs share.
      let about = outcome.messages.split(separator: "\n").map(String.init).prefix { !$0.hasPrefix("info: step 1") }
      #expect(about.count > 3)
      return (Array(about), try workspace.bytes(output + "/model.safetensors"))
    }
    let without = try await start("without", "--token-cache", "off")
    #expect(kept.isEmpty)
    let first = try await start("first")
    #expect(kept.count == 1)
    let used = try FileManager.default.attributesOfItem(atPath: workspace.path(".cache/tokens/\(kept[0])"))
    // Tokenizing would need this; taking the tokens out of the cache does not.
    let second = try await start("second")
    let again = try FileManager.default.attributesOfItem(atPath: workspace.path(".cache/tokens/\(kept[0])"))
    #expect(used[.systemFileNumber] as? Int == again[.systemFileNumber] as? Int)
    #expect(without.weights == first.weights)
    #expect(without.weights == second.weights)
    #expect(first.messages == without.messages)
    #expect(second.messages == without.messages)

    let elsewhere = try await start("elsewhere", "--token-cache", "mine")
    #expect(workspace.names(in: "mine") == kept)
    #expect(elsewhere.weights == first.weights)

    try workspace.write(Pairs.some(13).dropFirst().map(\.self), to: "pairs.jsonl")
    let other = try await start("other")
    #expect(kept.count == 2)
    #expect(other.weights != first.weights)
  }

  @Test("data says the same of a file with bad lines whether its tokens are kept or not")
  func statistics() async throws {
    let lines = Pairs.some(5).map { $0.serialized() } + ["{\"chosen\": 3}", "no JSON"]
    try workspace.write(lines.joined(separator: "\n"), to: "bad.jsonl")
    let given = ["data", "bad.jsonl", "--tokenizer", Checkout.demo]
    for more in [["--skip-bad-lines"], ["--skip-bad-lines", "--json"], ["--skip-bad-lines", "--dump", "-"]] {
      let without = try await Program.succeed(given + more + ["--token-cache", "off"], in: workspace)
      for _ in 0..<2 {
        let with = try await Program.succeed(given + more, in: workspace)
        #expect(with.output == without.output)
        #expect(with.messages == without.messages)
      }
    }
    #expect(kept.count == 1)
    // A file that is refused is refused every time.
    for _ in 0..<2 { expect(try await Program.run(given, in: workspace), code: 65, says: "line 6", "line 7") }
    #expect(kept.count == 1)
  }

  @Test("A damaged file is reported and made again; a cache that cannot be written is no error")
  func damage() async throws {
    let given = ["data", "pairs.jsonl", "--tokenizer", Checkout.demo]
    let first = try await Program.succeed(given, in: workspace)
    try workspace.write(Data(), to: ".cache/tokens/" + kept[0])
    let second = try await Program.succeed(given, in: workspace)
    #expect(second.output == first.output)
    #expect(second.messages.contains("cut off"))
    #expect(try await Program.succeed(given, in: workspace).messages == first.messages)

    try workspace.write("", to: "in-the-way")
    let blocked = try await Program.succeed(given + ["--token-cache", "in-the-way/tokens"], in: workspace)
    #expect(blocked.output == first.output)
    #expect(blocked.messages.contains("not kept"))
  }
}
