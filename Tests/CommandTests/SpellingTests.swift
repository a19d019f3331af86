import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Options: TRL's spelling, MiniMind's names, and files of options")
struct SpellingTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
  }

  /// A line of the configuration that a run wrote.
  private func setting(_ name: String, in folder: String) throws -> String? {
    try workspace.text(folder + "/config.yaml").split(separator: "\n").first { $0.hasPrefix(name + ": ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }

  @Test("MiniMind's names and TRL's with underscores give the same run as the names of --help")
  func names() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      train(
        "--per-device-train-batch-size", "2", "--gradient-accumulation-steps", "2", "--num-train-epochs", "1",
        "--max-grad-norm", "0.5", "--max-length", "64", "--logging-steps", "1", "--save-steps", "1",
        "--learning-rate", "1e-3", output: "ours"), in: workspace)
    try await Program.succeed(
      [
        "train", "--model", "model", "--data_path", "pairs.jsonl", "--output_dir", "miniminds", "--batch_size", "2",
        "--accumulation_steps", "2", "--epochs", "1", "--grad_clip", "0.5", "--max_seq_len", "64", "--log_interval",
        "1",
        "--save_interval=1", "--learning_rate", "1e-3",
      ], in: workspace)
    try await Program.succeed(
      [
        "train", "--model", "model", "--train_data", "pairs.jsonl", "--output_dir", "trls",
        "--per_device_train_batch_size=2", "--gradient_accumulation_steps", "2", "--num_train_epochs", "1",
        "--max_grad_norm", "0.5", "--max_length", "64", "--logging_steps", "1", "--save_steps", "1",
        "--learning_rate", "1e-3",
      ], in: workspace)
    let weights = try workspace.bytes("ours/model.safetensors")
    for folder in ["miniminds", "trls"] {
      #expect(try workspace.bytes(folder + "/model.safetensors") == weights)
      #expect(try setting("per-device-train-batch-size", in: folder) == "2")
      #expect(try setting("gradient-accumulation-steps", in: folder) == "2")
      #expect(try setting("max-grad-norm", in: folder) == "0.5")
      #expect(try setting("max-length", in: folder) == "64")
      #expect(try setting("save-steps", in: folder) == "1")
      #expect(
        try workspace.lines(folder + "/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"]?.int } == [
          1, 2,
        ])
      #expect(workspace.exists(folder + "/checkpoint-1"))
    }
  }

  @Test("--config takes options from a file; the command line wins, before and after it")
  func file() async throws {
    try await TinyModel.make(in: workspace)
    try workspace.write(
      """
      # Any spelling; flags are true, lists and numbers as YAML has them.
      model: model
      train_data: pairs.jsonl
      max_steps: 3
      learning-rate: 1.0e-3
      beta: 0.25
      no-shuffle: true
      no_prefix_sharing: false
      eval-data: null
      """, to: "run.yaml")
    let given = ["train", "--max-steps", "1", "--config", "run.yaml", "--output-dir", "out", "--beta", "0.5"]
    try await Program.succeed(given, in: workspace)
    #expect(try setting("max-steps", in: "out") == "1")
    #expect(try setting("beta", in: "out") == "0.5")
    #expect(try setting("learning-rate", in: "out") == "0.001")
    #expect(try setting("no-shuffle", in: "out") == "true")
    #expect(try setting("no-prefix-sharing", in: "out") == nil)
    #expect(try workspace.lines("out/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"]?.int } == [1])
  }

  @Test("The configuration that a run wrote gives the same model again, bit for bit")
  func again() async throws {
    try await TinyModel.make(in: workspace)
    try await Program.succeed(
      train(
        "--max-steps", "2", "--learning-rate", "0.00123", "--beta", "0.07", "--seed", "9", "--empty-think", "drop",
        "--lr-scheduler-type", "cosine", "--label-smoothing", "0.1", "--batch-size", "3"), in: workspace)
    try await Program.succeed(["train", "--config", "out/config.yaml", "--output-dir", "again"], in: workspace)
    #expect(try workspace.bytes("again/model.safetensors") == workspace.bytes("out/model.safetensors"))
    let (first, second) = (try workspace.text("out/config.yaml"), try workspace.text("again/config.yaml"))
    #expect(second == first.replacingOccurrences(of: "output-dir: out", with: "output-dir: again"))
  }

  @Test("Paths that YAML would take for something else survive the way through config.yaml")
  func oddPaths() async throws {
    try await TinyModel.make(in: workspace, named: "true")
    try workspace.write(Pairs.some(2), to: "1e3")
    try await Program.succeed(
      train("--max-steps", "1", model: "true", data: "1e3", output: "a: #b"), in: workspace)
    try await Program.succeed(
      ["train", "--config", "a: #b/config.yaml", "--overwrite-output-dir"], in: workspace)
  }
}
