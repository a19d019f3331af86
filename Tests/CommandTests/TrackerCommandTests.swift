import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("--report-to and --on-metrics, in a run")
struct TrackerCommandTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
    try await TinyModel.make(in: workspace)
  }

  private var records: [JSON] {
    get throws { try workspace.lines("out/metrics.jsonl").filter { $0["event"] == nil } }
  }

  private func holdsEvents() -> Bool { workspace.names(in: "out").contains { $0.hasPrefix("events.out.tfevents") } }

  @Test("A command gets the records; without TensorBoard among the names no events are written")
  func command() async throws {
    let given = train("--max-steps", "3", "--logging-steps", "1", "--report-to", "none", "--on-metrics", "cat > got")
    try await Program.succeed(given, in: workspace)
    #expect(try workspace.text("got") == workspace.text("out/metrics.jsonl"))
    #expect(!holdsEvents())
    #expect(try workspace.text("out/config.yaml").contains("on-metrics: cat > got"))
  }

  @Test("A tracker that cannot start, and a command that fails, are warnings; the run ends well")
  func failures() async throws {
    let outcome = try await Program.succeed(
      train(
        "--max-steps", "2", "--report-to", "tensorboard,wandb", "trackio", "--tracker-python", "no-such-python",
        "--on-metrics", "exit 3"), in: workspace)
    for word in ["--report-to wandb: cannot start no-such-python", "--report-to trackio:", "exit code 3"] {
      #expect(outcome.messages.contains(word), "\(word) ∉ \(outcome.messages)")
    }
    #expect(outcome.messages.components(separatedBy: "--on-metrics").count == 2)
    #expect(holdsEvents())
    #expect(workspace.exists("out/model.safetensors"))
  }

  @Test("Names that contradict each other, or are unknown, are refused")
  func refused() async throws {
    let both = try await Program.run(train("--report-to", "none", "wandb"), in: workspace)
    expect(both, code: 64, says: "contradict")
    let unknown = try await Program.run(train("--report-to", "mlflow"), in: workspace)
    expect(unknown, code: 64, says: "mlflow", "trackio")
  }

  static let python = ProcessInfo.processInfo.environment["MINIMIND_TRACKERS_PYTHON"]

  @Test(
    "SwanLab, W&B and Trackio log a run offline, killed and resumed, every record once and under one id",
    .enabled(if: python != nil, "needs MINIMIND_TRACKERS_PYTHON, a Python with swanlab, wandb and trackio"))
  func real() async throws {
    let program =
      ["SWANLAB_MODE=offline", "WANDB_MODE=offline", "TRACKIO_DIR=\(workspace.path("trackio"))"]
      + [Program.executable.path]
    let env = URL(fileURLWithPath: "/usr/bin/env")
    let given =
      program
      + train(
        "--max-steps", "40", "--logging-steps", "1", "--save-steps", "5", "--resume-from-checkpoint", "auto",
        "--report-to", "swanlab", "wandb", "trackio", "--tracker-python", Self.python ?? "", "--project", "p")
    // Killed by its own command at the twelfth record, with all that it has in its hands.
    let killed = try await Program.run(
      given + ["--on-metrics", "head -n 12 > seen; kill -9 $PPID"], in: workspace, program: env)
    #expect(killed.code != 0)
    let id = try workspace.json("out/trackers/run.json")["id"]?.string
    let resumed = try await Program.run(given, in: workspace, program: env)
    #expect(resumed.code == 0, "\(resumed.messages)")
    #expect(try workspace.json("out/trackers/run.json")["id"]?.string == id)
    let steps = try records.compactMap { $0["step"]?.int }.map(String.init)
    for tracker in ["swanlab", "wandb", "trackio"] {
      let sent = try workspace.text("out/trackers/\(tracker).sent").split(separator: "\n").map(String.init)
      #expect(sent.sorted() == steps.sorted(), "\(tracker)")
    }
    let runs = workspace.names(in: "out/trackers/wandb").filter { $0.hasPrefix("offline-run") }
    #expect(!runs.isEmpty && runs.allSatisfy { $0.hasSuffix(id ?? "?") })
    let logs = workspace.names(in: "out/trackers/swanlog").filter { $0.hasPrefix("run-") }
    #expect(!logs.isEmpty && logs.allSatisfy { $0.hasSuffix(id ?? "?") })
    #expect(workspace.exists("trackio/p.db"))
  }
}
