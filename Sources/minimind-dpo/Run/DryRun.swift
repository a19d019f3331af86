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
    var rows = [("memory", megabytes(memory.peak) + (free.map { room($0, memory) } ?? ""))]
    rows += memory.parts.map { ("  \($0.name)", "\(megabytes($0.bytes))  \($0.detail)") }
    if let free { rows.append(("largest micro-batch", largest(batch, memory, free))) }
    rows.append(("steps", steps))
    rows.append(("time", time.map(words) ?? "not known: a micro-batch did not fit into memory"))
    let width = (rows.map(\.0.count).max() ?? 0) + 2
    return rows.map { $0.0.padding(toLength: width, withPad: " ", startingAt: 0) + $0.1 }
  }

  /// Parts that a reader adds up have one unit.
  private func megabytes(_ bytes: Int) -> String { "\(HumanText.grouped((bytes + 500_000) / 1_000_000)) MB" }

  private func room(_ free: Int, _ memory: MemoryEstimate) -> String {
    // What is in use now is a part of the estimate.
    let all = free + (job.placement.memory()?.used ?? 0)
    return memory.peak <= all
      ? " in \(job.communicator == nil ? "this process" : "each process"), of \(megabytes(all)) that it can have"
      : " in \(job.communicator == nil ? "this process" : "each process"), but only \(megabytes(all)) are there"
  }

  private func largest(_ batch: MicroBatchSize, _ memory: MemoryEstimate, _ free: Int) -> String {
    let all = free + (job.placement.memory()?.used ?? 0)
    let lasting = memory.lasting.reduce(0) { $0 + $1.bytes }
    let share = Double(batch.targets) / Double(max(1, batch.tokens))
    // A tenth is left to the rest of the machine, and to what an estimate does not know.
    let tokens = trainer.activationMemory.tokens(fittingIn: (all - lasting) * 9 / 10, targetShare: share)
    guard tokens >= batch.tokens else {
      let recomputed = trainer.recomputedActivationMemory.bytes(batch)
      return "\(HumanText.grouped(tokens)) tokens fit; the run's largest has \(HumanText.grouped(batch.tokens))"
        + (trainer.policy.recomputesLayers
          ? "" : ". --gradient-checkpointing makes its activations \(megabytes(recomputed))")
        + ", --per-device-train-batch-size and --max-length make it smaller"
    }
    return
      "\(HumanText.grouped(tokens)) tokens fit (--micro-batch-tokens); the run's largest has \(HumanText.grouped(batch.tokens))"
  }

  private var steps: String {
    let (plan, options) = (trainer.plan, trainer.options)
    let noun = request.pairs.examples.noun
    return
      "\(HumanText.grouped(plan.totalSteps)), of \(HumanText.counted(plan.globalBatchSize, noun)) each: "
      + "\(HumanText.counted(job.worldSize, "process")) × \(options.perDeviceBatchSize) × \(options.accumulationSteps) accumulated; "
      + "\(HumanText.grouped(plan.stepsPerEpoch)) an epoch"
  }

  private func words(_ time: TimeEstimate) -> String {
    let step = time.training / Double(max(1, time.steps))
    var text =
      "about \(HumanText.duration(seconds: time.total)): \(HumanText.short(step)) s a step (\(HumanText.short(time.update)) s of it the update), by "
      + (time.measured == 1 ? "1 micro-batch" : "\(time.measured) micro-batches") + " measured"
    if time.reference > 0 {
      text += "; the reference's log-probabilities \(HumanText.duration(seconds: time.reference))"
    }
    if time.evaluation > 0 { text += "; evaluations \(HumanText.duration(seconds: time.evaluation))" }
    return text
  }
}
