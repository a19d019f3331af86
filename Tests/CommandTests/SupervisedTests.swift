import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("sft: a model learns texts")
struct SupervisedTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try await TinyModel.make(in: workspace)
    try workspace.write(Self.conversations(12), to: "texts.jsonl")
  }

  static func conversations(_ count: Int) -> [JSON] {
    (1...count).map { number in
      let asked = Pairs.message("user", .string("How much is \(number) plus 2?"))
      return ["conversations": [asked, Pairs.message("assistant", .string("Of course! It is \(number + 2)."))]]
    }
  }

  private func sft(_ more: String..., output: String = "out", data: String = "texts.jsonl") async throws
    -> Program.Outcome
  {
    try await Program.run(
      ["sft", "--model", "model", "--train-data", data, "--output-dir", output, "--logging-steps", "1"] + more,
      in: workspace)
  }

  private func records(_ folder: String = "out") throws -> [JSON] { try workspace.lines(folder + "/metrics.jsonl") }

  @Test(
    "A run leaves a model that knows its texts better, TRL's names in its records, and the loss in its closing words")
  func learns() async throws {
    let outcome = try await sft(
      "--eval-split", "3", "--num-train-epochs", "4", "--eval-steps", "2", "--learning-rate", "1e-2")
    expect(
      outcome, code: 0, says: "12 texts, 12 to learn from", "held out: 3 texts", "1 process × 4 texts",
      "loss −log p per token to learn", "texts/s")
    let records = try records()
    let steps = records.filter { $0["loss"] != nil }
    #expect(steps.count == 12)
    for name in [
      "loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy", "num_tokens", "epoch",
      "tokens_per_second",
    ] {
      #expect(steps.allSatisfy { $0[name]?.double?.isFinite == true }, "\(name)")
    }
    #expect(steps.allSatisfy { $0["rewards/margins"] == nil })
    let losses = records.compactMap { $0["eval_loss"]?.double }
    #expect(losses.count == 7)
    #expect(try #require(losses.last) < #require(losses.first) - 0.5)
    let last = try #require(records.last { $0["eval_loss"] != nil })
    #expect(try abs(exp(#require(last["eval_loss"]?.double)) / #require(last["eval_perplexity"]?.double) - 1) < 1e-9)
    for words in ["Before → after (on 3 held-out texts)", "perplexity", "tokens right"] {
      #expect(outcome.output.contains(words), "\(outcome.output)")
    }
    #expect(!outcome.output.contains("margin"))
    let report = try workspace.text("out/report.html")
    #expect(report.contains("Fine-tuning run out"))
    #expect(report.contains("Token accuracy"))
    #expect(!report.contains("0.693"))
  }

  @Test("The chosen sides of pairs are learned as the same texts would be")
  func preferences() async throws {
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    expect(try await sft("--max-steps", "2", output: "texts"), code: 0)
    expect(try await sft("--max-steps", "2", "--from-preferences", output: "pairs", data: "pairs.jsonl"), code: 0)
    #expect(try workspace.bytes("texts/model.safetensors") == workspace.bytes("pairs/model.safetensors"))
    #expect(try workspace.text("pairs/config.yaml").contains("from-preferences: true"))
    let wrong = try await sft(output: "wrong", data: "pairs.jsonl")
    expect(wrong, code: 65, says: "12 of 12 lines are not usable", "line 1", "--from-preferences")
    #expect(!workspace.exists("wrong"))
  }

  @Test("Two processes and accumulation give the same losses, and a preference run goes on from the result")
  func processes() async throws {
    expect(try await sft("--max-steps", "3", "--batch-size", "6", "--seed", "7", output: "one"), code: 0)
    expect(
      try await sft(
        "--max-steps", "3", "--batch-size", "3", "--seed", "7", "--nproc-per-node", "2", "--zero-stage", "1",
        "--threads",
        "1", output: "two"), code: 0)
    expect(
      try await sft(
        "--max-steps", "3", "--batch-size", "2", "--gradient-accumulation-steps", "3", "--seed", "7", output: "three"),
      code: 0)
    func losses(_ folder: String) throws -> [Double] { try records(folder).compactMap { $0["loss"]?.double } }
    for folder in ["two", "three"] {
      for (loss, expected) in zip(try losses(folder), try losses("one")) {
        #expect(abs(loss - expected) < 1e-5 * expected, "\(folder)")
      }
    }
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
    let dpo = try await Program.run(train("--max-steps", "1", model: "one", output: "aligned"), in: workspace)
    expect(dpo, code: 0, says: "loss 0.6931")
  }

  @Test("A run that was cut off goes on to the same bytes, and its best step can be taken")
  func resumes() async throws {
    let whole = ["--max-steps", "6", "--save-steps", "2", "--eval-split", "3", "--eval-steps", "2"]
    func run(_ more: [String], output: String) async throws -> Program.Outcome {
      try await Program.run(
        ["sft", "--model", "model", "--train-data", "texts.jsonl", "--output-dir", output] + whole + more, in: workspace
      )
    }
    expect(try await run([], output: "whole"), code: 0)
    expect(try await run([], output: "again"), code: 0)
    for step in [4, 6] {
      try FileManager.default.removeItem(atPath: workspace.path("again/checkpoint-\(step)"))
    }
    expect(
      try await run(["--resume-from-checkpoint", "auto"], output: "again"), code: 0, says: "resuming after step 2")
    #expect(try workspace.bytes("again/model.safetensors") == workspace.bytes("whole/model.safetensors"))
    let best = try await run(["--load-best-model-at-end", "--learning-rate", "3e-1"], output: "best")
    #expect(best.code == 0, "\(best.messages)")
    #expect(best.output.contains("The model is the one after step"), "\(best.output)")
  }

  @Test("What is wrong with texts or options is said before anything is trained")
  func refusals() async throws {
    try workspace.write(#"{"messages": [{"role": "user", "content": "q"}]}"# + "\n{\n", to: "bad.jsonl")
    expect(
      try await sft(data: "bad.jsonl"), code: 65, says: "2 of 2 lines are not usable", "no turn of the assistant",
      "not JSON", "--skip-bad-lines")
    expect(try await sft(data: "none.jsonl"), code: 66, says: "no such file")
    try workspace.write("", to: "empty.jsonl")
    expect(try await sft(data: "empty.jsonl"), code: 65, says: "holds no texts", "\"completion\"")
    expect(try await sft("--max-length", "3"), code: 65, says: "no target token within the maximal length")
    expect(try await sft("--beta", "0.1"), code: 64, says: "--beta")
    expect(try await sft("--min-margin", "1"), code: 64, says: "--from-preferences")
    expect(try await sft("--assistant-only-loss", "true"), code: 64, says: "--completion-mask")
    #expect(!workspace.exists("out"))
  }

  @Test("data shows texts as sft learns them")
  func shown() async throws {
    func data(_ more: String...) async throws -> Program.Outcome {
      try await Program.run(["data", "--tokenizer", "model"] + more, in: workspace)
    }
    let table = try await data("texts.jsonl", "--texts")
    #expect(table.code == 0, "\(table.messages)")
    for words in ["texts ", "what follows it", "repeated texts"] {
      #expect(table.output.contains(words), "\(table.output)")
    }
    #expect(!table.output.contains("rejected"))
    let shown = try await data("texts.jsonl", "--texts", "--show", "1")
    #expect(shown.output.contains("text 0 (line 1)"))
    #expect(shown.output.contains("Of course! It is 3."))
    try workspace.write(Pairs.some(2), to: "pairs.jsonl")
    let dump = try await data("pairs.jsonl", "--from-preferences", "--dump", "-")
    #expect(try jsonLines(dump.output).allSatisfy { $0["rejected_ids"]?.array?.isEmpty == true })
    expect(try await data("texts.jsonl"), code: 65, says: "no \"chosen\"")
    expect(try await data("texts.jsonl", "--texts", "--lint"), code: 64, says: "--texts")
  }

  @Test("Without a single option in trainer/: the defaults, files and log of MiniMind's train_full_sft.py")
  func miniMind() async throws {
    let checkout = try await MiniMindFolder()
    try FileManager.default.moveItem(
      atPath: checkout.workspace.path("out/full_sft_768.pth"), toPath: checkout.workspace.path("out/pretrain_768.pth"))
    try checkout.workspace.write(Self.conversations(20), to: "dataset/sft_t2t_mini.jsonl")
    let outcome = try await checkout.succeed(["sft"])
    let configuration = try checkout.configuration(of: "out/full_sft_768_run")
    for (name, value) in [
      ("from-weight", "pretrain"), ("save-dir", "../out"), ("save-weight", "full_sft"), ("num-train-epochs", "2.0"),
      ("per-device-train-batch-size", "16"), ("learning-rate", "1e-05"), ("max-length", "768"),
      ("logging-steps", "100"), ("save-steps", "1000"), ("train-data", "../dataset/sft_t2t_mini.jsonl"),
      ("lr-scheduler-type", "minimind"), ("weight-decay", "0.01"), ("completion-mask", "all"),
      ("empty-think", "random"), ("save-dtype", "float16"), ("model", "../out/pretrain_768.pth"),
    ] {
      #expect(configuration[name] == value, "\(name)")
    }
    #expect(checkout.workspace.names(in: "out") == ["full_sft_768.pth", "full_sft_768_run", "pretrain_768.pth"])
    let form =
      /Epoch:\[2\/2\]\(2\/2\), loss: \d+\.\d{4}, logits_loss: \d+\.\d{4}, aux_loss: 0\.0000, lr: 0\.00000100, epoch_time: 0\.0min/
    let log = outcome.output.split(separator: "\n").filter { $0.hasPrefix("Epoch:[") }
    #expect(log.last?.wholeMatch(of: form) != nil, "\(log)")
  }
}
