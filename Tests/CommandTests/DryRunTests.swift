import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("--dry-run says what a run will need")
struct DryRunTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  @Test("It writes nothing, and says memory by its parts, the largest micro-batch, steps and time")
  func says() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    let before = workspace.names()
    let outcome = try await Program.run(
      train("--dry-run", "--num-train-epochs", "2", "--eval-split", "3", "--per-device-train-batch-size", "3"),
      in: workspace)
    #expect(outcome.code == 0, "\(outcome.messages)")
    for words in [
      "memory ", "program ", "weights ", "reference ", "gradients ", "AdamW's moments ", "activations ",
      "tokens fit (--micro-batch-tokens)", "steps ", "6, of 3 pairs each: 1 process × 3 × 1 accumulated; 3 an epoch",
      "time ", "by 4 micro-batches measured", "evaluations ",
    ] {
      #expect(outcome.output.contains(words), "\(words) ∉ \(outcome.output)")
    }
    let chinese = try await Program.run(train("--dry-run", "--lang", "zh"), in: workspace).output
    for words in ["内存 ", "权重 ", "AdamW 的动量", "激活值", "最大的微批次", "步数 ", "每轮 3 步", "用时 "] {
      #expect(chinese.contains(words), "\(words) ∉ \(chinese)")
    }
    #expect(!chinese.hasEnglishSentence, "\(chinese)")
    #expect(workspace.names() == before)
  }

  @Test("A run in the folder stays as it is; a reference-free loss has no reference, texts are called texts")
  func leavesRuns() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    try await Program.succeed(train("--max-steps", "1"), in: workspace)
    let records = try workspace.bytes("out/metrics.jsonl")
    let free = try await Program.run(train("--dry-run", "--loss-type", "orpo"), in: workspace)
    #expect(free.code == 0 && !free.output.contains("reference"), "\(free.output)\(free.messages)")
    #expect(try workspace.bytes("out/metrics.jsonl") == records)
    var texts = train("--dry-run", "--from-preferences", output: "other")
    texts[0] = "sft"
    let tuned = try await Program.run(texts, in: workspace)
    #expect(tuned.code == 0 && tuned.output.contains("3, of 4 texts each"), "\(tuned.output)\(tuned.messages)")
    let sweep = try await Program.run(
      [
        "sweep", "--model", "model", "--train-data", "pairs.jsonl", "--eval-split", "3", "--output-dir", "s",
        "--dry-run",
      ],
      in: workspace)
    expect(sweep, code: 64, says: "A sweep has no dry run")
  }

  /// The size that users have: activations make up a third of the memory.
  @Test(
    "At 64 million parameters the memory is within a tenth of what a run takes at its peak",
    arguments: [[], ["--gradient-checkpointing"], ["--lora-r", "16", "--lora-target-modules", "all-linear"]])
  func memory(options: [String]) async throws {
    try await Program.succeed(
      ["init", "--shape", "minimind-3", "--tokenizer", Checkout.demo, "--to", "model"], in: workspace)
    let sentence = "A model of sixty-four million numbers reads this sentence again and again. "
    func words(_ count: Int) -> String { String(repeating: sentence, count: count) }
    try workspace.write(
      (1...3).map { Pairs.pair(words(10) + "\($0)", words(6) + "yes", words(7) + "no") }, to: "pairs.jsonl")
    let arguments = train("--max-steps", "1", "--per-device-train-batch-size", "3") + options
    let estimate = try await Program.run(arguments + ["--dry-run"], in: workspace)
    try #require(estimate.code == 0, "\(estimate.messages)")
    let line = try #require(estimate.output.split(separator: "\n").first { $0.hasPrefix("memory") })
    let megabytes = try #require(
      line.split(separator: " ").dropFirst().first.flatMap { Double($0.replacing(",", with: "")) }, "\(line)")

    try await Program.succeed(arguments, in: workspace)
    let peaks = try workspace.lines("out/metrics.jsonl").compactMap { $0["memory/peak_bytes"]?.double }
    let peak = try #require(peaks.max()) / 1e6
    #expect(abs(megabytes / peak - 1) < 0.1, "\(megabytes) MB estimated, \(peak) MB taken: \(estimate.output)")
  }
}
