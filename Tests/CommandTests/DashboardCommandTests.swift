import Foundation
import OrderedJSON
import ProgramSupport
import Testing

/// The program itself as a dashboard, beside a run of the program.
@Suite("dashboard")
struct DashboardCommandTests {
  private struct NeverListened: Error {}

  /// A dashboard of a folder, at any free port.
  private final class Served {
    let process = Process()
    private let output: URL

    init(_ folder: String, in workspace: Workspace, _ more: String...) throws {
      output = workspace.url.appendingPathComponent("dashboard-\(UUID().uuidString).txt")
      try Data().write(to: output)
      process.executableURL = Program.executable
      process.arguments = ["dashboard", folder, "--port", "0"] + more
      process.currentDirectoryURL = workspace.url
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    /// The address that it prints once it listens.
    func url() async throws -> String {
      for _ in 0..<60_000 {
        let text = try String(contentsOf: output, encoding: .utf8)
        if text.hasSuffix("\n") { return text.trimmingCharacters(in: .newlines) }
        try await Task.sleep(for: .milliseconds(10))
      }
      throw NeverListened()
    }

    /// Sends a signal, and waits for the end.
    func end(by signal: Int32) async -> (status: Int32, wasSignalled: Bool) {
      kill(process.processIdentifier, signal)
      while process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
      return (process.terminationStatus, process.terminationReason == .uncaughtSignal)
    }
  }

  private func workspace() async throws -> Workspace {
    let workspace = try Workspace()
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(40), to: "pairs.jsonl")
    return workspace
  }

  private let long = ["--num-train-epochs", "100000", "--per-device-train-batch-size", "4", "--logging-steps", "1"]

  @Test(
    "Its button stops a run of two processes behind a checkpoint, and the run ends with 75",
    .enabled(if: LiveBrowser.program != nil, LiveBrowser.absence))
  func button() async throws {
    let workspace = try await workspace()
    let dashboard = try Served(".", in: workspace)
    let url = try await dashboard.url()
    let outcome = try await Program.run(
      train() + ["--nproc-per-node", "2"] + long, in: workspace,
      meanwhile: { _ in
        let browser = try await LiveBrowser()
        try await browser.show(url)
        try await browser.wait(for: 120, until: "document.querySelectorAll('#ranks tbody tr').length === 2")
        try await browser.wait(until: "report.model.runs[0].series.loss?.x.length > 2")
        _ = try await browser.evaluate("document.querySelector('[data-action=stop]').click()")
        try await browser.wait(until: "document.querySelector('[data-action=stop-now]')")
        _ = try await browser.evaluate("document.querySelector('[data-action=stop-now]').click()")
        try await browser.wait(until: "document.querySelector('.state').textContent === 'stopped'")
      })
    #expect(outcome.code == 75, "\(outcome.messages)")
    let end = try #require(try workspace.lines("out/metrics.jsonl").last)
    #expect(end["event"] == "end" && end["stopped_by"] == "SIGTERM")
    let step = try #require(end["steps"]?.int)
    #expect(workspace.exists("out/checkpoint-\(step)/manifest.json"))
    #expect(!workspace.exists("out/.run-activity.json") && !workspace.exists("out/.run-lock"))
    #expect(await dashboard.end(by: SIGTERM) == (0, false))
  }

  @Test("It ends with 0 by either signal, says why it cannot begin, and needs a folder and a token that make sense")
  func ends() async throws {
    let workspace = try Workspace()
    let first = try Served(".", in: workspace)
    let url = try await first.url()
    #expect(url.hasPrefix("http://127.0.0.1:") && !url.contains("token"))
    let port = try #require(URL(string: url)?.port)
    expect(
      try await Program.run("dashboard", "--port", "\(port)", in: workspace), code: 69, says: "port \(port)", "--port 0"
    )
    expect(try await Program.run("dashboard", "nowhere", in: workspace), code: 66, says: "nowhere")
    expect(try await Program.run("dashboard", "--token", "a b", in: workspace), code: 64, says: "--token")
    expect(try await Program.run("dashboard", "--port", "70000", in: workspace), code: 64, says: "--port")
    #expect(await first.end(by: SIGINT) == (0, false))
    let second = try Served(".", in: workspace, "--host", "0.0.0.0")
    #expect(try await second.url().contains("/?token="))
    #expect(await second.end(by: SIGTERM) == (0, false))
  }
}
