import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Several files to learn from and to be measured on")
struct TrainingFilesTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "a.jsonl")
    try workspace.write((1...6).map { Pairs.pair("Say \($0)!", "Here: \($0)", "No \($0)") }, to: "b.jsonl")
  }

  private func run(_ more: String..., output: String = "out") async throws -> Program.Outcome {
    try await Program.run(
      ["train", "--model", "model", "--output-dir", output, "--max-steps", "2", "--logging-steps", "1"] + more,
      in: workspace)
  }

  private func metrics(_ folder: String) throws -> [JSON] { try workspace.lines(folder + "/metrics.jsonl") }

  @Test("Two files train as one that holds both, whether the option is repeated or has two values, from YAML too")
  func concatenation() async throws {
    try workspace.write(try workspace.text("a.jsonl") + workspace.text("b.jsonl"), to: "both.jsonl")
    try workspace.write("train-data: [a.jsonl, b.jsonl]\n", to: "files.yaml")
    for (output, data) in [
      ("one", ["--train-data", "both.jsonl"]), ("two", ["--train-data", "a.jsonl", "b.jsonl"]),
      ("three", ["--train-data", "a.jsonl", "--data_path=b.jsonl"]), ("four", ["--config", "files.yaml"]),
    ] {
      let outcome = try await Program.run(
        ["train", "--model", "model", "--output-dir", output, "--num-train-epochs", "1", "--learning-rate", "1e-2"]
          + data,
        in: workspace)
      #expect(outcome.code == 0, "\(outcome.messages)")
      #expect(
        try workspace.bytes(output + "/model.safetensors") == workspace.bytes("one/model.safetensors"), "\(output)")
    }
    #expect(try workspace.text("two/config.yaml").contains("train-data:\n- a.jsonl\n- b.jsonl\n"))
    #expect(try workspace.text("one/config.yaml").contains("train-data: both.jsonl\n"))
  }

  @Test("The command line's files replace those of a configuration")
  func overriding() async throws {
    try workspace.write("train-data: [a.jsonl, none.jsonl]\n", to: "files.yaml")
    let outcome = try await run("--config", "files.yaml", "--train-data", "b.jsonl")
    #expect(outcome.code == 0, "\(outcome.messages)")
    #expect(try workspace.text("out/config.yaml").contains("train-data: b.jsonl\n"))
  }

  @Test("Weights and numbers are told before the first step, and make the epoch")
  func weights() async throws {
    let under = try await run("--train-data", "a.jsonl=0.5", "b.jsonl=0.5", output: "under")
    expect(under, code: 0, says: "an epoch takes 12 pairs", "6 (50.0 %) of 12 pairs from", "others each epoch")
    let over = try await run(
      "--train-data", "a.jsonl=1", "b.jsonl=1", "--mix-strategy", "interleave_over", output: "over")
    expect(over, code: 0, says: "an epoch takes 24 pairs", "12 (50.0 %) of 6 pairs", "each 2.0 times on average")
    let counts = try await run("--train-data", "a.jsonl#5", "b.jsonl", output: "counts")
    expect(counts, code: 0, says: "an epoch takes 11 pairs", "5 (45.5 %) of 5 pairs")
    let again = try await Program.run(
      ["train", "--config", "under/config.yaml", "--output-dir", "again"], in: workspace)
    #expect(again.code == 0)
    #expect(try workspace.bytes("again/model.safetensors") == workspace.bytes("under/model.safetensors"))
  }

  @Test("What is wrong with weights and numbers is said before anything is read")
  func wrongWeights() async throws {
    for (data, words) in [
      (["a.jsonl=0.5", "b.jsonl"], "Give every file a weight, or none"), (["a.jsonl=0"], "above 0"),
      (["a.jsonl#0"], "1 or more"), (["a.jsonl=half"], "no number"),
    ] {
      let outcome = try await Program.run(
        ["train", "--model", "model", "--output-dir", "out", "--train-data"] + data, in: workspace)
      expect(outcome, code: 64, says: "--train-data", words)
    }
    expect(
      try await run("--train-data", "a.jsonl", "c.jsonl=2.jsonl"), code: 66, says: "c.jsonl=2.jsonl", "no such file")
    #expect(!workspace.exists("out"))
  }

  @Test("Held-out pairs are split off by prompt, and are what is measured")
  func split() async throws {
    let outcome = try await run("--train-data", "a.jsonl", "b.jsonl", "--eval-split", "0.2")
    expect(outcome, code: 0, says: "held out: 4 pairs with 4 prompts", "an epoch of 14 pairs", "over 4 pairs")
    #expect(try metrics("out")[0]["eval_loss"] != nil)
    try workspace.write((1...5).map { Pairs.pair("Same", "a\($0)", "b\($0)") }, to: "same.jsonl")
    expect(
      try await run("--train-data", "same.jsonl", "--val_size", "1", output: "no"), code: 65, says: "--eval-split",
      "the same prompt",
      "--eval-data")
    expect(
      try await run("--train-data", "b.jsonl", "--eval-split", "6", output: "no"), code: 65,
      says: "nothing to learn from")
    for wrong in ["0", "1.5", "some"] {
      expect(
        try await run("--train-data", "b.jsonl", "--eval-split", wrong, output: "no"), code: 64, says: "--eval-split")
    }
    expect(
      try await run("--train-data", "b.jsonl", "--eval-split", "1", "--eval-data", "a.jsonl", output: "no"), code: 64,
      says: "--eval-split", "--eval-data")
  }

  @Test("Several evaluation sets are measured one by one and together, by train and eval")
  func namedSets() async throws {
    let outcome = try await run("--train-data", "a.jsonl", "--eval-data", "short=b.jsonl", "a.jsonl")
    #expect(outcome.code == 0, "\(outcome.messages)")
    let first = try metrics("out")[0]
    let (short, other, all) = (
      try #require(first["eval_short_logps/chosen"]?.double), try #require(first["eval_a_logps/chosen"]?.double),
      try #require(first["eval_logps/chosen"]?.double)
    )
    #expect(abs(all - (short * 6 + other * 12) / 18) < 1e-6)
    let measured = try await Program.run(
      ["eval", "--model", "model", "--data", "short=b.jsonl", "a.jsonl", "--json"], in: workspace)
    #expect(measured.code == 0, "\(measured.messages)")
    let figures = try JSON(parsing: measured.output)
    #expect(
      figures["eval_short_pairs"]?.int == 6 && figures["eval_a_pairs"]?.int == 12 && figures["eval_pairs"]?.int == 18)
    #expect(abs((figures["eval_short_logps/chosen"]?.double ?? 0) - short) < 1e-4)
    expect(
      try await run("--train-data", "a.jsonl", "--eval-data", "x=b.jsonl", "x=a.jsonl", output: "twice"), code: 64,
      says: "two sets are called \"x\"")
  }

  @Test("Two processes take the same pairs as one")
  func ranks() async throws {
    let options = [
      "train", "--model", "model", "--train-data", "a.jsonl=2", "b.jsonl=1", "--max-steps", "3", "--logging-steps", "1",
      "--learning-rate", "1e-3", "--eval-split", "2",
    ]
    try await Program.succeed(options + ["--output-dir", "one", "--batch-size", "4"], in: workspace)
    try await Program.succeed(
      ["launch", "--nproc-per-node", "2"] + options + ["--output-dir", "two", "--batch-size", "2", "--threads", "1"],
      in: workspace)
    for (one, two) in zip(try metrics("one"), try metrics("two")) {
      for key in ["loss", "eval_loss", "logps/chosen"] {
        guard let expected = one[key]?.double else { continue }
        #expect(abs((two[key]?.double ?? .nan) - expected) < 1e-4 * max(1, abs(expected)), "\(key)")
      }
    }
  }

  @Test("Scores, columns and samples: pairs below a margin are dropped, and data without scores is refused")
  func scores() async throws {
    let lines = (1...6).map {
      "{\"q\": \"Say \($0)\", \"good\": \"Here \($0)\", \"bad\": \"No \($0)\", \"margin\": \($0)}\n"
    }
    try workspace.write(lines.joined(), to: "scored.jsonl")
    let columns = ["--columns", "prompt=q,chosen=good,rejected=bad"]
    let shown = try await Program.run(
      ["data", "scored.jsonl", "--tokenizer", "model", "--min-margin", "3", "--max-samples", "5", "--json"] + columns,
      in: workspace)
    #expect(shown.code == 0, "\(shown.messages)")
    let statistics = try JSON(parsing: shown.output)
    #expect(statistics["pairs"]?.int == 5 && statistics["usable_pairs"]?.int == 3)
    #expect(statistics["dropped"]?["score margin below --min-margin"]?.int == 2)
    expect(
      try await run("--train-data", "a.jsonl", "--min-margin", "1"), code: 65, says: "--min-margin", "no pair of",
      "--columns")
    expect(
      try await run("--train-data", "scored.jsonl", "--columns", "chosen=good,rejected=worse"), code: 65,
      says: "no \"worse\"", "--columns")
    expect(try await run("--train-data", "a.jsonl", "--columns", "winner=x"), code: 64, says: "--columns", "winner")
  }

  @Test("data shows each file and what an epoch takes of them")
  func dataCommand() async throws {
    let shown = try await Program.run(
      ["data", "--train-data", "a.jsonl=0.5", "b.jsonl=0.5", "--tokenizer", "model", "--eval-split", "2"], in: workspace
    )
    #expect(shown.code == 0, "\(shown.messages)")
    for words in ["a.jsonl\n", "b.jsonl\n", "an epoch takes", "held out: 2 pairs"] {
      #expect(shown.output.contains(words), "\(shown.output)")
    }
    let dump = try await Program.run(
      ["data", "a.jsonl", "b.jsonl", "--tokenizer", "model", "--dump", "-"], in: workspace)
    #expect(try jsonLines(dump.output).compactMap { $0["index"]?.int } == Array(0..<18))
  }
}
