import Foundation
import MiniMind
import Observability
import Preferences
import Torch
import Training

/// `--dry-run`: what a run will need, without training or writing anything: memory by its parts, the largest micro-batch that the
/// device has room for, steps, and the time by a few micro-batches that are really run.
struct DryRun {
  let request: TrainingRequest
  let inputs: RunInputs
  let trainer: Trainer
  /// What the process had in use before it read the model; nil on a GPU, or where that is not known.
  let programBytes: Int?

  /// What LibTorch and our own products allocate for themselves once they compute, beside tensors.
  private static let workspaces = 64 << 20

  private var job: Job { inputs.job }

  /// Measures, and prints on the first rank.
  func run() throws {
    let free = job.placement.memory()?.free
    let batch = trainer.largestMicroBatch()
    let memory = trainer.memoryEstimate(for: batch, beside: program + checkpointCopy, passing: samples)
    let time = try measuredTime()
    guard job.isFirst else { return }
    Output.write(lines(batch: batch, memory: memory, time: time, free: free).joined(separator: "\n") + "\n")
  }

  private var program: [MemoryEstimate.Part] {
    guard let programBytes else { return [] }
    return [.init("program", programBytes + Self.workspaces, "libraries, data and their buffers")]
  }

  /// What a checkpoint is copied to while training goes on; in host memory.
  private var checkpointCopy: [MemoryEstimate.Part] {
    guard request.output.saves != nil, request.output.savesAsynchronously, job.placement.device == .cpu else {
      return []
    }
    let numbers = 3 * trainer.policy.trainedParameters.reduce(0) { $0 + $1.parameter.count }
    return [
      .init(
        "checkpoint", numbers * DType.float32.byteCount,
        "a copy of weights and moments while it is written; none with --no-async-save")
    ]
  }

  /// The keys and values of the fixed prompts, which are answered together.
  private var samples: [MemoryEstimate.Part] {
    guard let prompts = inputs.watched.prompts?.tokens, !prompts.isEmpty else { return [] }
    let shape = inputs.policy.configuration
    let longest = (prompts.map(\.count).max() ?? 0) + request.evaluation.sampleMaxNewTokens
    let numbers = 2 * shape.layerCount * shape.keyValueHeadCount * shape.headSize * longest * prompts.count
    return [
      .init(
        "sample answers", numbers * DType.float32.byteCount,
        "keys and values of \(HumanText.counted(prompts.count, "prompt")), up to \(HumanText.grouped(longest)) tokens each"
      )
    ]
  }

  /// nil where a micro-batch did not fit.
  private func measuredTime() throws -> TimeEstimate? {
    let plan = trainer.plan
    let between = trainer.options.evaluationSteps.map { max(0, plan.totalSteps - 1) / $0 } ?? 0
    let held = inputs.evaluationPairs
    do {
      return try trainer.estimateTime(evaluationPairs: held, evaluations: held.isEmpty ? 0 : between + 2)
    } catch let error as TorchError where error.kind == .outOfMemory {
      return nil
    }
  }

  // MARK: - Words

  private func lines(batch: MicroBatchSize, memory: MemoryEstimate, time: TimeEstimate?, free: Int?) -> [String] {
    let needed = Phrase(megabytes(memory.peak)) + (free.map { room($0, memory) } ?? Phrase(""))
    var rows = [(Phrase(en: "memory", zh: "内存"), needed)]
    rows += memory.parts.map { part in
      let words = DryRunWords.part(part, largest: batch)
      return (Phrase("  ") + words.name, Phrase("\(megabytes(part.bytes))  ") + words.detail)
    }
    if let free { rows.append((Phrase(en: "largest micro-batch", zh: "最大的微批次"), largest(batch, memory, free))) }
    rows.append((Phrase(en: "steps", zh: "步数"), steps))
    let unknown = Phrase(en: "not known: a micro-batch did not fit into memory", zh: "未知：一个微批次放不进内存")
    rows.append((Phrase(en: "time", zh: "用时"), time.map(words) ?? unknown))
    let width = (rows.map { TerminalText.columns($0.0.text) }.max() ?? 0) + 2
    return rows.map { name, value in
      name.text + String(repeating: " ", count: width - TerminalText.columns(name.text)) + value.text
    }
  }

  /// Parts that a reader adds up have one unit.
  private func megabytes(_ bytes: Int) -> String { "\(HumanText.grouped((bytes + 500_000) / 1_000_000)) MB" }

  private func room(_ free: Int, _ memory: MemoryEstimate) -> Phrase {
    // What is in use now is a part of the estimate.
    let all = free + (job.placement.memory()?.used ?? 0)
    let (isAlone, most) = (job.communicator == nil, megabytes(all))
    let place = Phrase(
      en: " in \(isAlone ? "this process" : "each process")", zh: "（\(isAlone ? "本进程" : "每个进程")")
    return place
      + (memory.peak <= all
        ? Phrase(en: ", of \(most) that it can have", zh: "，最多可用 \(most)）")
        : Phrase(en: ", but only \(most) are there", zh: "，但只有 \(most)）"))
  }

  private func largest(_ batch: MicroBatchSize, _ memory: MemoryEstimate, _ free: Int) -> Phrase {
    let all = free + (job.placement.memory()?.used ?? 0)
    let lasting = memory.lasting.reduce(0) { $0 + $1.bytes }
    let share = Double(batch.targets) / Double(max(1, batch.tokens))
    // A tenth is left to the rest of the machine, and to what an estimate does not know.
    let tokens = trainer.activationMemory.tokens(fittingIn: (all - lasting) * 9 / 10, targetShare: share)
    let (fitting, needed) = (HumanText.grouped(tokens), HumanText.grouped(batch.tokens))
    guard tokens >= batch.tokens else {
      let recomputed = megabytes(trainer.recomputedActivationMemory.bytes(batch))
      let saving =
        trainer.policy.recomputesLayers
        ? Phrase("")
        : Phrase(
          en: ". --gradient-checkpointing makes its activations \(recomputed)",
          zh: "。--gradient-checkpointing 可使激活值降到 \(recomputed)")
      return Phrase(
        en: "\(fitting) tokens fit; the run's largest has \(needed)", zh: "放得下 \(fitting) 个 token；这次训练最大的有 \(needed) 个")
        + saving
        + Phrase(
          en: ", --per-device-train-batch-size and --max-length make it smaller",
          zh: "，减小 --per-device-train-batch-size 或 --max-length 可使它变小")
    }
    return Phrase(
      en: "\(fitting) tokens fit (--micro-batch-tokens); the run's largest has \(needed)",
      zh: "放得下 \(fitting) 个 token（--micro-batch-tokens）；这次训练最大的有 \(needed) 个")
  }

  private var steps: Phrase {
    let (plan, options) = (trainer.plan, trainer.options)
    let kind = request.pairs.examples
    let (total, perEpoch) = (HumanText.grouped(plan.totalSteps), HumanText.grouped(plan.stepsPerEpoch))
    let (perDevice, accumulated) = (options.perDeviceBatchSize, options.accumulationSteps)
    return Phrase(
      en: "\(total), of \(HumanText.counted(plan.globalBatchSize, kind.noun)) each: "
        + "\(HumanText.counted(job.worldSize, "process")) × \(perDevice) × \(accumulated) accumulated; \(perEpoch) an epoch",
      zh: "\(total) 步，每步 \(HumanText.grouped(plan.globalBatchSize)) \(TrainingWords.unit(kind))：\(job.worldSize) 个进程 × "
        + "\(perDevice) × 累积 \(accumulated) 次；每轮 \(perEpoch) 步")
  }

  private func words(_ time: TimeEstimate) -> Phrase {
    let step = HumanText.short(time.training / Double(max(1, time.steps)))
    let update = HumanText.short(time.update)
    func duration(_ seconds: Double) -> Phrase { Phrase { HumanText.duration(seconds: seconds, in: $0) } }
    let total = duration(time.total)
    var text = Phrase(
      en: "about \(total.en): \(step) s a step (\(update) s of it the update), by "
        + "\(time.measured == 1 ? "1 micro-batch" : "\(time.measured) micro-batches") measured",
      zh: "约 \(total.zh)：每步 \(step) 秒（其中更新 \(update) 秒），根据实测的 \(time.measured) 个微批次估算")
    if time.reference > 0 {
      text =
        text + Phrase(en: "; the reference's log-probabilities ", zh: "；参考模型的对数概率 ") + duration(time.reference)
    }
    if time.evaluation > 0 { text = text + Phrase(en: "; evaluations ", zh: "；评估 ") + duration(time.evaluation) }
    return text
  }
}
