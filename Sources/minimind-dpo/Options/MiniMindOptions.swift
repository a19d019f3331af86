import ArgumentParser
import Foundation
import Observability

/// The options that only MiniMind's training scripts have; its others are other spellings of this program's own.
///
/// `--save-dir` and `--save-weight` are there exactly when a run is MiniMind's: `MiniMindCommandLine` completes them.
struct MiniMindArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Train the model in SAVE_DIR/NAME_HIDDEN.pth, or NAME_HIDDEN_moe.pth. (default: full_sft; in sft pretrain)",
      valueName: "name"))
  var fromWeight: String?

  @Option(
    help: ArgumentHelp("The folder of MiniMind's weight files. (default: ../out)", valueName: "folder"))
  var saveDir: String?

  @Option(
    help: ArgumentHelp(
      "Write the result to SAVE_DIR/NAME_HIDDEN.pth, at every --save-interval and at the end. (default: dpo; in sft full_sft)",
      valueName: "name"))
  var saveWeight: String?

  @Option(
    help: ArgumentHelp("1: go on from the newest checkpoint of the run's folder, if there is one.", valueName: "0|1"))
  var fromResume = 0

  @Option(
    help: ArgumentHelp(
      "1: the model is a mixture of experts, and MiniMind's weight files are NAME_HIDDEN_moe.pth; 0: it is none.",
      valueName: "0|1"))
  var useMoe: Int?

  @Option(help: "MiniMind's type of mixed precision on GPUs; on a CPU MiniMind computes in float32, and so does this.")
  var dtype: MiniMindType?

  @Option(
    help: ArgumentHelp("MiniMind's loader processes; here a thread prepares batches ahead.", valueName: "count"))
  var numWorkers: Int?

  @Flag(help: "Also report to SwanLab, as MiniMind's script does; the same as --report-to tensorboard swanlab.")
  var useWandb = false

  @Option(
    help: ArgumentHelp(
      "With --use-wandb: the project. (default: MiniMind-DPO; in sft MiniMind-Full-SFT)", valueName: "name"))
  var wandbProject: String?

  @Option(help: ArgumentHelp("1 asks for torch.compile; nothing here needs to be compiled.", valueName: "0|1"))
  var useCompile = 0

  func validate() throws {
    for (name, value) in [("from-resume", fromResume), ("use-moe", useMoe ?? 0), ("use-compile", useCompile)]
    where ![0, 1].contains(value) {
      throw ValidationError("--\(name) must be 0 or 1.")
    }
    if let numWorkers, numWorkers < 0 { throw ValidationError("--num-workers must not be negative.") }
  }

  /// What options that mean nothing here stand for, in a line each.
  func remarks(onGPU: Bool) -> [Phrase] {
    var lines: [Phrase] = []
    if let dtype, dtype != .float32, !onGPU {
      lines.append(
        Phrase(
          en: "--dtype \(dtype.rawValue): on a CPU MiniMind computes in float32, and so does this run",
          zh: "--dtype \(dtype.rawValue)：在 CPU 上 MiniMind 用 float32 计算，这里也一样"))
    }
    if let numWorkers {
      lines.append(
        Phrase(
          en:
            "--num_workers \(numWorkers): pairs are tokenized once, over all cores, and a thread prepares batches ahead; "
            + "there are no loader processes",
          zh: "--num_workers \(numWorkers)：偏好对用全部核心分词一次，另有一个线程提前准备批次；没有加载数据的进程"))
    }
    if useWandb {
      lines.append(
        Phrase(
          en:
            "--use_wandb: SwanLab, as in MiniMind's script; its package is run by --tracker-python, in a process of its own",
          zh: "--use_wandb：与 MiniMind 的脚本一样使用 SwanLab；它的软件包由 --tracker-python 在单独的进程中运行"))
    }
    if useCompile == 1 {
      lines.append(
        Phrase(
          en: "--use_compile 1: nothing to compile; the kernels are compiled already",
          zh: "--use_compile 1：没有需要编译的，内核已经编译好"))
    }
    return lines
  }
}

/// What MiniMind's `--dtype` may name.
enum MiniMindType: String, ExpressibleByArgument, CaseIterable {
  case bfloat16, float16, float32
}
