import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("The report of a run, whatever became of it")
struct ReportCommandTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func long(_ more: String...) -> [String] {
    train(
      "--max-steps", "40", "--batch-size", "8", "--save-steps", "3", "--logging-steps", "2", "--learning-rate", "1e-3",
      data: Checkout.demo("train.jsonl")) + more
  }

  /// The first run of a page's model.
  private func run(in page: String) throws -> JSON {
    let html = try workspace.text(page)
    let element = try #require(html.firstMatch(of: /<script type="application\/json" id="model">(.*?)<\/script>/))
    return try #require(JSON(parsing: Data(element.output.1.utf8))["runs"]?[0])
  }

  @Test(
    "A run that is stopped leaves a report that says so; while it goes on the page says that; killed, `report` tells it"
  )
  func states() async throws {
    try await TinyModel.make(in: workspace)
    let workspace = workspace
    let stopped = try await Program.run(long(), in: workspace) { run in
      try await run.wait { workspace.exists("out/report.html") }
      let html = try workspace.text("out/report.html")
      #expect(html.contains(#""state":{"name":"running""#))
      try await run.wait { workspace.exists("out/checkpoint-3") }
      try run.send(.terminate)
    }
    #expect(stopped.code == 75)
    #expect(try run(in: "out/report.html")["state"]?["name"] == "stopped")

    let killed = try await Program.run(long("--resume-from-checkpoint", "auto"), in: workspace) { run in
      try await run.wait { workspace.exists("out/checkpoint-9") }
      try run.send(.kill)
    }
    #expect(killed.status == .signaled(9))
    try await Program.succeed(["report", "out", "--output", "killed.html"], in: workspace)
    #expect(try run(in: "killed.html")["state"]?["name"] == "killed")
  }

  @Test("It holds where the time of each rank went, what was dropped, and the language asked for")
  func content() async throws {
    try await TinyModel.make(in: workspace)
    var pairs = Pairs.some(12)
    pairs += pairs.prefix(4).map { pair in
      var same = pair.object ?? [:]
      same["rejected"] = same["chosen"]
      return .object(same)
    }
    try workspace.write(pairs, to: "pairs.jsonl")
    let done = try await Program.succeed(
      train("--max-steps", "3", "--logging-steps", "1", "--lang", "zh"), in: workspace)
    #expect(done.output.contains("训练了 3 步") && done.output.contains("模型在 out"))
    #expect(done.messages.contains("训练 3/3 步（100 %）") && done.messages.contains("丢弃 4：优选与劣选完全相同"))
    let html = try workspace.text("out/report.html")
    #expect(html.contains("<html lang=\"zh\">"))
    let run = try run(in: "out/report.html")
    #expect(run["state"]?["name"] == "finished")
    #expect(run["remarks"]?[0]?["en"]?.string?.hasPrefix("4 of 16 pairs (25.0 %) were dropped") == true)
    #expect(run["data"]?["findings"]?.array?.contains { $0["check"] == "identical-sides" } == true)
    #expect(run["parts"]?["names"]?.array?.contains { $0["id"] == "backward" } == true)
    #expect(try workspace.lines("out/metrics.jsonl")[0]["time/ranks"]?["forward"]?.array?.count == 1)
    #expect(try workspace.json("out/data.json")["dropped"]?[0]?["count"] == 4)
    // A page in the other language, of the same run.
    try await Program.succeed(["report", "out", "--output", "en.html", "--lang", "en"], in: workspace)
    #expect(try workspace.text("en.html").contains("<html lang=\"en\">"))
  }

  @Test("An unknown language is refused by name")
  func unknownLanguage() async throws {
    let refused = try await Program.run(["report", "out", "--lang", "fr"], in: workspace)
    expect(refused, code: 64, says: "lang")
  }
}
