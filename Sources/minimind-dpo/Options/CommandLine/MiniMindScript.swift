/// A training script of MiniMind's that a command of this program stands for: what it reads and computes when nothing is said.
struct MiniMindScript {
  /// Its file name.
  let name: String
  /// The name of the weights that it starts from.
  let start: String
  /// The name of the weights that it writes.
  let result: String
  /// The project under which it reports to SwanLab.
  let project: String
  /// The file that it learns from.
  let data: String
  /// Batches between two lines of its log.
  let logInterval: Int
  /// Batches between two files.
  let saveInterval: Int
  /// What it computes, in this program's words.
  let defaults: [String]

  /// The script that a command stands for; nil for most commands.
  static func standing(for command: String) -> MiniMindScript? {
    switch command {
    case "train": dpo
    case "sft": fullSFT
    default: nil
    }
  }

  private static let dpo = MiniMindScript(
    name: "train_dpo.py", start: "full_sft", result: "dpo", project: "MiniMind-DPO", data: "../dataset/dpo.jsonl",
    logInterval: 100,
    saveInterval: 100,
    defaults: [
      "--num-train-epochs", "1", "--per-device-train-batch-size", "4", "--learning-rate", "4e-8", "--beta", "0.15",
      "--max-length", "1024",
    ] + common)

  private static let fullSFT = MiniMindScript(
    name: "train_full_sft.py", start: "pretrain", result: "full_sft", project: "MiniMind-Full-SFT",
    data: "../dataset/sft_t2t_mini.jsonl",
    logInterval: 100, saveInterval: 1000,
    defaults: [
      "--num-train-epochs", "2", "--per-device-train-batch-size", "16", "--learning-rate", "1e-5",
      "--max-length", "768",
    ] + common)

  private static let common = [
    "--gradient-accumulation-steps", "1", "--lr-scheduler-type", "minimind", "--weight-decay", "0.01",
    "--max-grad-norm", "1", "--completion-mask", "all", "--empty-think", "random", "--save-dtype", "float16",
    // MiniMind keeps one file to resume from; a second one is there in case the newest is damaged.
    "--save-total-limit", "2",
  ]
}
