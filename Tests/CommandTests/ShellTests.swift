import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("Started as shells start programs: streams closed, full or broken, signals of terminals")
struct ShellTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
  }

  /// Runs a line of a shell, in which `$0` is the program.
  private func shell(
    _ line: String, _ arguments: [String] = [],
    meanwhile: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Program.Outcome {
    try await Program.run(
      ["-c", line, Program.executable.path] + arguments, in: workspace, timeout: .seconds(300),
      program: URL(fileURLWithPath: "/bin/sh"), meanwhile: meanwhile)
  }

  private static let short = ["--max-steps", "4", "--batch-size", "2", "--logging-steps", "1"]

  @Test(
    "With any of its streams closed, a run writes the same files", arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
  func closed(streams: String) async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await shell(#"exec "$0" "$@" "# + streams, train("--max-steps", "4", "--batch-size", "2"))
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(try workspace.lines("out/metrics.jsonl").last?["event"] == "end")
    #expect(workspace.exists("out/model.safetensors"))
    #expect(try workspace.lines("out/metrics.jsonl").allSatisfy { $0.object != nil })
  }

  @Test(
    "launch with its streams closed ends, and its workers' files are whole", arguments: [">&-", "2>&-", "<&- >&- 2>&-"])
  func launchClosed(streams: String) async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await shell(
      #"exec "$0" launch --nproc-per-node 2 "$@" "# + streams, train("--max-steps", "2", "--batch-size", "2"))
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(try workspace.lines("out/metrics.jsonl").last?["steps"] == 2)
  }

  @Test("Results of launched processes that cannot be written are an error; a run's words are not")
  func launchFull() async throws {
    try await TinyModel.make(in: workspace)
    let line = #"exec "$0" launch --nproc-per-node 2 "$@" > /dev/full"#
    let measured = try await shell(line, ["eval", "--model", "model", "--data", "pairs.jsonl", "--json"])
    expect(measured, code: 73, says: "the result cannot be written to standard output", "No space left on device")
    let trained = try await shell(line, train("--max-steps", "2", "--batch-size", "2"))
    #expect(trained.code == 0, "\(trained.messages)")
    #expect(workspace.exists("out/model.safetensors"))
  }

  @Test("A reader of its words that leaves does not end a run")
  func reader() async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await shell(
      #"{ "$0" "$@"; echo "code $?" > code; } 2>&1 | head -n 1"#,
      train("--max-steps", "4", "--batch-size", "2", "--logging-steps", "1"))
    #expect(outcome.output.split(separator: "\n").count == 1)
    #expect(try workspace.text("code") == "code 0\n")
    #expect(workspace.exists("out/model.safetensors"))
  }

  @Test(
    "Results that cannot be written to standard output are exit code 73",
    .enabled(if: access("/dev/full", F_OK) == 0),
    arguments: [
      ["data", "pairs.jsonl", "--tokenizer", "model", "--json"], ["data", "pairs.jsonl", "--tokenizer", "model"],
      ["eval", "--data", "pairs.jsonl", "--model", "model", "--json"],
      ["generate", "--model", "model", "--prompt", "Hello", "--max-new-tokens", "2"],
      ["data", "pairs.jsonl", "--tokenizer", "model", "--dump", "-"],
    ])
  func fullOutput(arguments: [String]) async throws {
    try await TinyModel.make(in: workspace)
    let sound = try await Program.run(arguments, in: workspace)
    try #require(sound.code == 0, "\(sound.messages)")
    for target in [">/dev/full", ">&-"] {
      let outcome = try await shell(#"exec "$0" "$@" "# + target, arguments)
      expect(outcome, code: 73, says: "cannot be written to standard output")
    }
  }

  @Test("--dump and report write through devices and links, and leave no half file where there is no room")
  func devices() async throws {
    try await TinyModel.make(in: workspace)
    func kind(_ path: String) -> mode_t {
      var status = stat()
      return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
    }
    let data = ["data", "pairs.jsonl", "--tokenizer", "model", "--dump"]
    try await Program.succeed(data + ["/dev/null"], in: workspace)
    #expect(kind("/dev/null") == S_IFCHR)
    try FileManager.default.createSymbolicLink(atPath: workspace.path("link"), withDestinationPath: "dump.jsonl")
    try await Program.succeed(data + ["link"], in: workspace)
    #expect(kind(workspace.path("link")) == S_IFLNK)
    #expect(try workspace.lines("dump.jsonl").count == 8)
    if access("/dev/full", F_OK) == 0 {
      let full = try await Program.run(data + ["/dev/full"], in: workspace)
      expect(full, code: 73, says: "--dump", "no space is left")
      #expect(kind("/dev/full") == S_IFCHR)
    }
    // 512 bytes, or 1024 where the shell is bash.
    let limited = try await shell(#"ulimit -f 1; exec "$0" "$@""#, data + ["limited.jsonl"])
    expect(limited, code: 73, says: "--dump", "limit")
    #expect(!workspace.exists("limited.jsonl"))
    #expect(!workspace.names().contains { $0.contains("partial") })

    try await Program.succeed(train("--max-steps", "1"), in: workspace)
    try await Program.succeed(["report", "out", "--output", "/dev/null"], in: workspace)
    #expect(kind("/dev/null") == S_IFCHR)
  }

  @Test("SIGHUP is as SIGTERM: a checkpoint, and exit code 75; under nohup it is ignored")
  func hangUp() async throws {
    try await TinyModel.make(in: workspace)
    let workspace = workspace
    let long = train(
      "--max-steps", "40", "--batch-size", "8", "--save-steps", "3", data: Checkout.demo("train.jsonl"))
    let stopped = try await Program.run(long, in: workspace) { run in
      try await run.wait { workspace.exists("out/checkpoint-3") }
      try run.send(.terminalClosed)
    }
    expect(stopped, code: 75, says: "SIGHUP", "--resume-from-checkpoint auto")
    let ignoring = try await shell(#"trap '' HUP; exec "$0" "$@""#, long + ["--output-dir", "other"]) { run in
      try await run.wait { workspace.exists("other/checkpoint-3") }
      try run.send(.terminalClosed)
    }
    #expect(ignoring.code == 0, "\(ignoring.messages)")
  }
}
