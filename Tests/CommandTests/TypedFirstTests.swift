import Foundation
import ProgramSupport
import Testing

@Suite("What was typed is judged before any file is looked for")
struct TypedFirstTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test(
    "A misspelt option is named with the nearest one, although model and data are missing too",
    arguments: [
      (["train", "--batchsize", "3"], "--batchsize", "--batch-size"),
      (["train", "--leaning_rate=1"], "--leaning_rate", "--learning-rate"),
      (["train", "--nproc-pernode", "2"], "--nproc-pernode", "--nproc-per-node"),
      (["launch", "--nproc-per-node", "2", "train", "--beat", "1"], "--beat", "--beta"),
      (["eval", "--modle", "m"], "--modle", "--model"), (["generate", "--promt", "a"], "--promt", "--prompt"),
      (["data", "--tokeniser", "t"], "--tokeniser", "--tokenizer"), (["trian"], "trian", "train"),
      (["help", "lunch"], "lunch", "launch"),
    ])
  func nearest(_ arguments: [String], _ typed: String, _ meant: String) async throws {
    let outcome = try await Program.run(arguments, in: workspace)
    expect(outcome, code: 64, says: "'\(typed)'", "Did you mean '\(meant)'?")
    #expect(outcome.messages.split(separator: "\n").count == 1)
    #expect(workspace.names().isEmpty)
  }

  @Test("An option like no other is named, and none is suggested")
  func unlike() async throws {
    let outcome = try await Program.run("train", "--xyzzy", in: workspace)
    expect(outcome, code: 64, says: "'--xyzzy'", "train --help")
    #expect(!outcome.messages.contains("Did you mean"))
  }

  @Test("A misspelt key of a --config file is named with its file and line, also where its value is null")
  func keys() async throws {
    for value in ["1", "", "[]", "true"] {
      try workspace.write("beta: 0.1\nlearning-rat: \(value)\n", to: "run.yaml")
      let outcome = try await Program.run("train", "--config", "run.yaml", in: workspace)
      expect(outcome, code: 64, says: "'--learning-rat' in run.yaml, line 2", "'--learning-rate'")
    }
    let first = try await Program.run("train", "--config", "none.yaml", "--betta", "1", in: workspace)
    expect(first, code: 64, says: "--betta")
    try workspace.write("config: other.yaml\n", to: "nested.yaml")
    expect(
      try await Program.run("train", "--config", "nested.yaml", in: workspace), code: 64, says: "nested.yaml", "line 1")
    try workspace.write("beta: 1\nbeta: 2\n", to: "twice.yaml")
    expect(
      try await Program.run("train", "--config", "twice.yaml", in: workspace), code: 64, says: "more than once", "beta")
  }

  @Test(
    "A value that cannot be is refused, although model and data are missing too; numbers below 0 are values",
    arguments: [
      ("--beta", "-0.1", "must be above 0"), ("--beta", "strong", "'strong'"), ("--seed", "-1", "'-1'"),
      ("--learning-rate", "-1e-3", "must not be negative"), ("--eval-strategy", "never", "'never'"),
      ("--bf16", "maybe", "Unexpected argument 'maybe'"), ("--bf16=maybe", "", "neither true nor false"),
      ("--max-steps", "", "needs a value"), ("--from-resume", "2", "must be 0 or 1"),
    ])
  func values(_ option: String, _ value: String, _ words: String) async throws {
    let outcome = try await Program.run(["train", option] + (value.isEmpty ? [] : [value]), in: workspace)
    expect(outcome, code: 64, says: words)
    #expect(outcome.messages.hasPrefix("error: "))
  }

  @Test("Several processes: a wrong command line is answered once, and --help starts none")
  func once() async throws {
    for start in [["train", "--nproc-per-node", "2"], ["launch", "--nproc-per-node", "2", "train"]] {
      let wrong = try await Program.run(start + ["--beta", "-1"], in: workspace)
      expect(wrong, code: 64, says: "--beta must be above 0")
      #expect(wrong.messages.components(separatedBy: "--beta must be above 0").count == 2)
      #expect(!wrong.messages.contains("workers"))
      let help = try await Program.succeed(start + ["--help"], in: workspace)
      #expect(help.output.contains("USAGE: minimind-dpo train"))
      #expect(help.messages.isEmpty)
    }
  }

  @Test("help launch is launch --help; help train starts with the main options")
  func help() async throws {
    let launch = try await Program.succeed(["launch", "--help"], in: workspace).output
    #expect(try await Program.succeed(["help", "launch"], in: workspace).output == launch)
    let train = try await Program.succeed(["help", "train"], in: workspace).output
    #expect(try await Program.succeed(["train", "--help"], in: workspace).output == train)
    let main = try #require(train.components(separatedBy: "MAIN OPTIONS:").last?.components(separatedBy: "\n\n").first)
    for option in ["--model", "--train-data", "--output-dir", "--config", "--nproc-per-node", "--eval-data"] {
      #expect(main.contains(option))
    }
    let places = ["MAIN OPTIONS:", "--beta", "--learning-rate", "--max-length", "--threads", "--from-weight"].map {
      train.range(of: $0)?.lowerBound
    }
    #expect(places.allSatisfy { $0 != nil })
    #expect(places.compactMap(\.self) == places.compactMap(\.self).sorted())
  }

  @Test("--nproc-per-node in a --config file is answered, not dropped")
  func processesInFile() async throws {
    try workspace.write("nproc-per-node: 2\n", to: "run.yaml")
    let outcome = try await Program.run(train("--config", "run.yaml"), in: workspace)
    expect(outcome, code: 64, says: "--nproc-per-node", "--config")
  }
}
