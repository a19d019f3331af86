import Foundation
import Logging
import Observability
import OrderedJSON
import Synchronization
import Testing

/// The adapters, with packages that stand for the trackers': they write down what they are told, or misbehave.
@Suite("Trackers and --on-metrics", .serialized) struct TrackerTests {
  /// A package that records its calls in the file `calls`, and does what `MISBEHAVES` says at the third record.
  private static let package = """
    import json, os, signal, time
    CALLS = os.environ["FAKE_CALLS"]
    def note(*what):
        with open(CALLS, "a") as file: file.write(json.dumps(what) + "\\n")
    count = 0
    class Run:
        url = None
        def define_metric(self, *a, **k): pass
        def log(self, values, step=None):
            global count
            count += 1
            how = os.environ.get("MISBEHAVES")
            if count == 3 and how == "dies": os.kill(os.getpid(), signal.SIGKILL)
            if count == 3 and how == "hangs": signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)
            if count == 3 and how == "raises": raise RuntimeError("no\\nnetwork")
            note("log", values)
        def finish(self, exit_code=0): note("finish", exit_code)
    def Settings(**k): return None
    def init(**k):
        note("init", k["id"], k["project"], k["name"], k["config"])
        print("a line for the log")
        return Run()
    """

  /// What a run with a fake W&B leaves.
  private struct Outcome {
    var calls: [JSON]
    var seconds: Double
    var warnings: [String]

    func steps() -> [Int] {
      calls.filter { $0[0]?.string == "log" }.compactMap { $0[1]?["train/global_step"]?.int }
    }
    func named(_ name: String) -> [JSON] { calls.filter { $0[0]?.string == name } }
  }

  /// Records the steps while adapters are at work.
  private func follow(
    _ steps: ClosedRange<Int>, in folder: URL, goesOn: Bool = false, misbehaves: String = "", ends: Bool = true,
    audience: MetricsAudience? = nil, seconds: Double = 20
  ) throws -> Outcome {
    let packages = folder.appending(path: "packages")
    try FileManager.default.createDirectory(at: packages, withIntermediateDirectories: true)
    try Self.package.write(to: packages.appending(path: "wandb.py"), atomically: true, encoding: .utf8)
    setenv("PYTHONPATH", packages.path, 1)
    setenv("FAKE_CALLS", folder.appending(path: "calls").path, 1)
    setenv("MISBEHAVES", misbehaves, 1)
    let file = folder.appending(path: "metrics.jsonl")
    let metrics =
      goesOn ? try MetricsFile(resuming: file, afterStep: steps.lowerBound - 1) : try MetricsFile(creating: file)
    CapturedLog.lines.withLock { $0 = [] }
    CapturedLog.install()
    let broadcast = MetricsBroadcast(
      audience
        ?? MetricsAudience(
          trackers: [.wandb], run: TrackedRun(project: "p", name: "n", options: ["beta": .number(0.1)])),
      runIn: folder, goesOn: goesOn)
    let start = ContinuousClock.now
    for step in steps {
      metrics.append(MetricsRecord(step: step, ["loss": .number(0.5), "eval_loss": .number(1), "ranks": .array([])]))
    }
    if ends { try metrics.finish(RunTotals(steps: steps.upperBound)) }
    let recording = (ContinuousClock.now - start) / .seconds(1)
    // Nobody is waited for while the run records.
    #expect(recording < 5)
    broadcast.wait(seconds: seconds)
    let text = (try? String(contentsOf: folder.appending(path: "calls"), encoding: .utf8)) ?? ""
    return Outcome(
      calls: try text.split(separator: "\n").map { try JSON(parsing: String($0)) },
      seconds: (ContinuousClock.now - start) / .seconds(1), warnings: CapturedLog.lines.withLock { $0 })
  }

  @Test("An adapter sends every number under the names of transformers, and the end")
  func delivers() throws {
    try withTemporaryFolder { folder in
      let outcome = try follow(1...50, in: folder)
      #expect(outcome.steps() == Array(1...50))
      #expect(
        outcome.named("log").first?[1]
          == ["train/loss": .number(0.5), "eval/loss": .integer(1), "train/global_step": .integer(1)]
          || outcome.named("log").first?[1]?["eval/loss"]?.double == 1)
      #expect(outcome.named("log").first?[1]?.object?.count == 3)
      #expect(outcome.named("finish") == [["finish", 0]])
      #expect(outcome.named("init").first?[2] == "p" && outcome.named("init").first?[3] == "n")
      #expect(outcome.named("init").first?[4]?["beta"]?.double == 0.1)
      #expect(outcome.warnings.isEmpty)
      let log = try String(contentsOf: folder.appending(path: "trackers/wandb.log"), encoding: .utf8)
      #expect(log.contains("a line for the log"))
    }
  }

  @Test("A resumed run goes on under its id, and no record is sent twice")
  func resumes() throws {
    try withTemporaryFolder { folder in
      // Killed after step 30, resumed from the checkpoint after step 20.
      let first = try follow(1...30, in: folder, ends: false)
      #expect(first.named("finish") == [["finish", 1]])
      let all = try follow(21...40, in: folder, goesOn: true)
      #expect(all.steps() == Array(1...40))
      #expect(all.named("init").count == 2 && all.named("init")[0][1] == all.named("init")[1][1])
      #expect(all.named("finish").last == ["finish", 0])
      let replaced = try follow(1...2, in: folder)
      #expect(replaced.steps() == Array(1...40) + [1, 2])
      #expect(replaced.named("init").last?[1] != all.named("init")[0][1])
    }
  }

  @Test(
    "An adapter that dies, fails or hangs is one warning; the rest comes when the run is resumed",
    arguments: ["dies", "raises", "hangs"])
  func misbehaves(how: String) throws {
    try withTemporaryFolder { folder in
      let outcome = try follow(1...10, in: folder, misbehaves: how, seconds: how == "hangs" ? 3 : 20)
      #expect(outcome.steps() == [1, 2])
      #expect(outcome.warnings.count == 1, "\(outcome.warnings)")
      let expected = ["dies": "signal 9", "raises": "no network", "hangs": "in time"][how] ?? "?"
      #expect(outcome.warnings.first?.contains(expected) == true, "\(outcome.warnings)")
      #expect(outcome.warnings.first?.contains("follow.py wandb") == true)
      #expect(outcome.seconds < 15)
      let later = try follow(11...12, in: folder, goesOn: true)
      #expect(later.steps() == Array(1...12))
    }
  }

  @Test("A missing Python or package is one warning")
  func missing() throws {
    try withTemporaryFolder { folder in
      let python = MetricsAudience(trackers: [.wandb], python: "no-such-python")
      #expect(try follow(1...2, in: folder, audience: python).warnings.first?.contains("no-such-python") == true)
      let outcome = try withMissingPackage(in: folder)
      #expect(outcome.warnings.count == 1)
      #expect(outcome.warnings.first?.contains("-m pip install trackio_core") == true, "\(outcome.warnings)")
    }
  }

  private func withMissingPackage(in folder: URL) throws -> Outcome {
    let packages = folder.appending(path: "packages")
    try FileManager.default.createDirectory(at: packages, withIntermediateDirectories: true)
    try "import trackio_core".write(to: packages.appending(path: "trackio.py"), atomically: true, encoding: .utf8)
    return try follow(1...2, in: folder, audience: MetricsAudience(trackers: [.trackio]))
  }

  @Test("By hand the adapter delivers what is missing")
  func byHand() throws {
    try withTemporaryFolder { folder in
      _ = try follow(1...5, in: folder, misbehaves: "dies")
      setenv("MISBEHAVES", "", 1)
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["python3", folder.appending(path: "trackers/follow.py").path, "wandb"]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let text = try String(contentsOf: folder.appending(path: "calls"), encoding: .utf8)
      #expect(text.split(separator: "\n").count { $0.contains("\"log\"") } == 5)
    }
  }

  // MARK: - --on-metrics

  @Test("A command gets every line, and after a resumption only the new ones")
  func command() throws {
    try withTemporaryFolder { folder in
      let got = folder.appending(path: "got").path
      let audience = MetricsAudience(command: "cat >> '\(got)'")
      _ = try follow(1...3000, in: folder, ends: false, audience: audience)
      _ = try follow(2001...3100, in: folder, goesOn: true, audience: audience)
      let lines = try String(contentsOfFile: got, encoding: .utf8).split(separator: "\n")
      let records = try lines.map { try JSON(parsing: String($0)) }
      #expect(records.compactMap { $0["step"]?.int } == Array(1...3100))
      #expect(records.last?["event"]?.string == "end")
    }
  }

  @Test("A command that does not read, or ends, or cannot be started is one warning")
  func badCommand() throws {
    try withTemporaryFolder { folder in
      let deaf = try follow(1...5000, in: folder, audience: MetricsAudience(command: "sleep 1000"), seconds: 1)
      #expect(deaf.warnings.count == 1 && deaf.warnings[0].contains("does not end"), "\(deaf.warnings)")
      #expect(deaf.seconds < 10)
      let brief = try follow(1...5000, in: folder, audience: MetricsAudience(command: "head -n 1; exit 3"))
      #expect(brief.warnings.count == 1 && brief.warnings[0].contains("exit code 3"), "\(brief.warnings)")
      let none = try follow(1...5000, in: folder, audience: MetricsAudience(command: "no-such-command-at-all"))
      #expect(none.warnings.count == 1 && none.warnings[0].contains("not found"), "\(none.warnings)")
    }
  }
}

/// Keeps warnings for tests.
private struct CapturedLog: LogHandler {
  static let lines = Mutex<[String]>([])
  private static let once: Void = LoggingSystem.bootstrap { _ in CapturedLog() }
  static func install() { _ = once }

  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
  func log(event: LogEvent) {
    if event.level >= .warning { Self.lines.withLock { $0.append("\(event.message)") } }
  }
}
