import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Options that users of TRL and transformers type by habit")
struct TransformersOptionsTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
    try workspace.write(Pairs.some(3), to: "held.jsonl")
  }

  /// A line of the configuration that a run wrote.
  private func setting(_ name: String, in folder: String) throws -> String? {
    try workspace.text(folder + "/config.yaml").split(separator: "\n").first { $0.hasPrefix(name + ": ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }

  @Test("A command line of TRL's is taken: names, strategies, truth values, evaluation once an epoch")
  func taken() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      [
        "train", "--model_name_or_path", "model", "--train_data", "pairs.jsonl", "--eval_data", "held.jsonl",
        "--output_dir", "out", "--per_device_train_batch_size", "2", "--per_device_eval_batch_size", "1",
        "--num_train_epochs", "2", "--max_steps", "-1", "--warmup_steps", "0.25", "--eval_strategy", "epoch",
        "--save_strategy", "epoch", "--logging_first_step", "--precompute_ref_log_probs", "true", "--bf16", "False",
        "--resume_from_checkpoint", "false", "--do_train", "--padding_free", "true", "--report_to", "tensorboard",
      ], in: workspace)
    #expect(try setting("ref-logps", in: "out") == "cache")
    #expect(try setting("warmup-ratio", in: "out") == "0.25")
    #expect(try setting("per-device-eval-batch-size", in: "out") == "1")
    #expect(try setting("max-steps", in: "out") == nil)
    #expect(try setting("bf16", in: "out") == nil)
    let lines = try workspace.lines("out/metrics.jsonl")
    #expect(lines.filter { $0["loss"] != nil }.compactMap { $0["step"]?.int } == [1, 8])
    #expect(lines.filter { $0["eval_loss"] != nil }.compactMap { $0["step"]?.int } == [0, 4, 8])
    #expect(workspace.names(in: "out").filter { $0.hasPrefix("checkpoint-") } == ["checkpoint-4", "checkpoint-8"])

    // The same from a file, with YAML's own truth values; a strategy of steps takes the logging steps.
    try workspace.write(
      """
      model_name_or_path: model
      train_data: pairs.jsonl
      eval_data: held.jsonl
      output_dir: again
      eval_strategy: steps
      save_strategy: no
      logging_steps: 1
      use_cpu: yes
      precompute_ref_log_probs: false
      resume_from_checkpoint: null
      """, to: "run.yaml")
    try await Program.succeed(["train", "--config", "run.yaml"], in: workspace)
    #expect(try setting("ref-logps", in: "again") == "online")
    #expect(try setting("device", in: "again") == "cpu")
    let evaluations = try workspace.lines("again/metrics.jsonl").filter { $0["eval_loss"] != nil }
    #expect(evaluations.compactMap { $0["step"]?.int } == [0, 1, 2])
    #expect(!workspace.names(in: "again").contains { $0.hasPrefix("checkpoint-") })
  }

  @Test("The batch of an evaluation does not change what it measures")
  func evaluationBatch() async throws {
    try await TinyModel.make(in: workspace)
    var losses: [Double] = []
    for size in ["1", "3"] {
      try await Program.succeed(
        train(
          "--eval-data", "held.jsonl", "--max-steps", "2", "--learning-rate", "1e-2", "--per-device-eval-batch-size",
          size, output: size), in: workspace)
      losses += try workspace.lines(size + "/metrics.jsonl").compactMap { $0["eval_loss"]?.double }
    }
    try #require(losses.count == 4)
    #expect(abs(losses[1] - losses[3]) < 1e-6)
  }

  @Test("--resume-from-checkpoint true resumes from the newest checkpoint")
  func resume() async throws {
    try await TinyModel.make(in: workspace)
    let given = train("--max-steps", "2", "--save-steps", "1")
    try await Program.succeed(given, in: workspace)
    let resumed = try await Program.succeed(given + ["--resume_from_checkpoint", "True"], in: workspace)
    #expect(resumed.messages.contains("checkpoint-2"))
  }

  @Test("TRL's options of an adapter are taken as they are", arguments: [["--use_peft"], ["--use_peft", "true"]])
  func adapter(given: [String]) async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await Program.succeed(
      train("--max_steps", "1", "--lora_task_type", "CAUSAL_LM", "--lora_target_modules", "q_proj", "k_proj") + given,
      in: workspace)
    #expect(outcome.messages.contains("LoRA of rank 16, α 32, at 4 layers (q_proj, k_proj)"))
  }

  @Test(
    "An option without a meaning here is answered with one sentence that names it",
    arguments: [
      (["--optim", "adamw_torch_fused"], "AdamW"), (["--dataset_num_proc", "4"], "all cores"),
      (["--max_prompt_length", "512"], "--max-length"),
      (["--lora_modules_to_save", "lm_head"], "--lora-target-modules"),
      (["--trackio_space_id", "a/b"], "TRACKIO_SPACE_ID"),
      (["--deepspeed", "ds.json"], "--zero-stage 1"),
      (["--dataset_name", "trl-lib/x"], "--train-data"),
      (["--master_addr", "node0"], "minimind-dpo launch"), (["--padding_free", "false"], "padded"),
    ])
  func answered(_ given: [String], _ words: String) async throws {
    let outcome = try await Program.run(train() + given, in: workspace)
    let name = given[0].prefix { $0 != "=" }
    expect(outcome, code: 64, says: "error: \(name): ", words)
    #expect(outcome.messages.split(separator: "\n").count == 1)
    #expect(workspace.names() == ["held.jsonl", "pairs.jsonl"])
  }

  @Test("A strategy and a number of steps that contradict each other")
  func contradictions() async throws {
    for name in ["eval", "save"] {
      let outcome = try await Program.run(train("--\(name)-strategy", "epoch", "--\(name)-steps", "2"), in: workspace)
      expect(outcome, code: 64, says: "--\(name)-strategy epoch and --\(name)-steps")
    }
  }
}
