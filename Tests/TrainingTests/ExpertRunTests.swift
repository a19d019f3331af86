import DPO
import Foundation
import MiniMind
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

/// Ten steps of PyTorch with a mixture of experts, each side of a pair by itself, without padding; Tools/reference/experts.py.
private struct ExpertRun {
  let folder: URL
  let options: TrainingOptions
  let steps: [JSON]
  let parameterNorms: JSON

  init(_ name: String) throws {
    folder = try goldens().appendingPathComponent(name)
    let json = try JSON(parsing: Data(contentsOf: folder.appendingPathComponent("trajectory.json")))
    let given = try #require(json["options"])
    func number(_ name: String) throws -> Double { try #require(given[name]?.double) }
    var options = TrainingOptions()
    options.loss = PreferenceLoss(beta: try number("beta"))
    options.maxSteps = Int(try number("steps"))
    options.learningRate = try number("learning_rate")
    options.scheduleShape = .linear
    options.warmupSteps = Int(try number("warmup_steps"))
    options.adam = AdamW.Options(
      beta1: try number("adam_beta1"), beta2: try number("adam_beta2"), epsilon: try number("adam_epsilon"),
      weightDecay: try number("weight_decay"))
    options.maxGradientNorm = try number("max_grad_norm")
    options.shuffles = false
    self.options = options
    steps = try #require(json["steps"]?.array)
    parameterNorms = try #require(json["parameter_norms"])
  }

  /// - Parameters:
  ///   - size: pairs of a micro-batch; 8 pairs are a step
  ///   - micro: micro-batches of a step, of each rank
  func trainer(
    size: Int, micro: Int = 1, ranks: Ranks? = nil, change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> Trainer {
    var options = options
    (options.perDeviceBatchSize, options.accumulationSteps) = (size, micro)
    change(&options)
    return try Trainer(
      policy: CausalLM.pretrained(folder), reference: CausalLM.pretrained(folder), pairs: ObjectiveRun.pairs(),
      options: options, ranks: ranks)
  }

  /// Compares every step with the reference's.
  func check(_ trainer: Trainer, _ words: String) throws {
    for (expected, report) in zip(steps, try trainer.steps()) {
      func reference(_ name: String) throws -> Double { try #require(expected[name]?.double) }
      let means = Dictionary(uniqueKeysWithValues: report.metrics.means.map { ($0.name, $0.value) })
      #expect(try abs(#require(means["loss"]) - reference("loss")) < 1e-4, "\(words), step \(report.step)")
      #expect(try abs(report.loss - reference("dpo_loss")) < 1e-4, "\(words), step \(report.step)")
      #expect(try abs(#require(means["aux_loss"]) - reference("aux_loss")) < 1e-4, "\(words), step \(report.step)")
      #expect(try isClose(report.gradientNorm, reference("grad_norm"), within: 1e-3), "\(words), step \(report.step)")
    }
    #expect(trainer.completedSteps == steps.count)
    for (name, parameter) in trainer.policy.namedParameters {
      let norm = try parameter.value.detached().to(.float64).norm().item()
      #expect(isClose(norm, try #require(parameterNorms[name]?.double), within: 1e-5), "\(words), \(name)")
    }
  }
}

@Suite("Runs of mixtures of experts that PyTorch has gone before (Tools/reference/experts.py)")
struct ExpertRunTests {
  static let folders = ["qwen3_moe", "minimind_moe"]

  @Test(
    "Each step has the reference's loss, load-balancing loss and gradient norm, however it is divided and packed",
    arguments: folders)
  func trajectory(folder: String) throws {
    let run = try ExpertRun(folder)
    for (size, micro) in [(8, 1), (2, 4)] {
      for sharesPrefix in [true, false] {
        let trainer = try run.trainer(size: size, micro: micro) { $0.sharesPrefix = sharesPrefix }
        try run.check(trainer, "\(micro) of \(size), \(sharesPrefix ? "packed" : "apart")")
      }
    }
    let recomputing = try run.trainer(size: 4, micro: 2) { $0.microBatchTokens = 200 }
    recomputing.policy.recomputesLayers = true
    try run.check(recomputing, "recomputing, at most 200 tokens at once")
  }

  @Test("The same at two ranks, with one micro-batch each, with several, and with ZeRO-1", arguments: folders)
  func ranks(folder: String) throws {
    for (size, micro, shards, tokens) in [(4, 1, false, nil), (2, 2, true, nil), (4, 1, false, 90)]
      as [(Int, Int, Bool, Int?)]
    {
      _ = try asRanks(2, shardsOptimizer: shards) { ranks in
        let run = try ExpertRun(folder)
        let trainer = try run.trainer(size: size, micro: micro, ranks: ranks) { $0.microBatchTokens = tokens }
        try run.check(trainer, "rank \(ranks.rank), \(micro) of \(size)")
        return 0
      }
    }
  }

  @Test("A rank that has no memory for its only micro-batch still takes part, and all go on with smaller ones")
  func shortage() throws {
    _ = try asRanks(2) { ranks in
      let run = try ExpertRun("minimind_moe")
      let trainer = try run.trainer(size: 4, ranks: ranks)
      var failures = ranks.rank == 1 ? 1 : 0
      trainer.failPasses { _ in
        guard failures > 0 else { return nil }
        failures -= 1
        return TorchError(kind: .outOfMemory, operatorName: "a test", reason: "no memory")
      }
      try run.check(trainer, "rank \(ranks.rank)")
      #expect(trainer.options.microBatchTokens != nil)
      return 0
    }
  }

  @Test("With the coefficient 0 there is no load-balancing loss, and none is reported; another one is weighed so")
  func coefficient() throws {
    let run = try ExpertRun("minimind_moe")
    func first(_ coefficient: Double?) throws -> StepReport {
      try run.trainer(size: 8) { ($0.routerAuxLossCoefficient, $0.maxSteps) = (coefficient, 1) }.step()
    }
    let (without, own, double) = (try first(0), try first(nil), try first(0.04))
    #expect(!without.metrics.means.map(\.name).contains("aux_loss"))
    #expect(without.loss == own.loss)
    let weighted = (own.metrics.weightedAuxiliaryLoss / 8, double.metrics.weightedAuxiliaryLoss / 8)
    #expect(isClose(weighted.1, 2 * weighted.0, within: 1e-6))
    #expect(isClose(weighted.0, 0.02 * own.metrics.auxiliaryLoss / 8, within: 1e-9))
    #expect(without.gradientNorm != own.gradientNorm)
  }

  @Test("With products in bfloat16 the losses stay near those of float32")
  func bfloat16() throws {
    let run = try ExpertRun("qwen3_moe")
    let trainer = try run.trainer(size: 8) { $0.maxSteps = 1 }
    let narrow = try CausalLM.pretrained(run.folder)
    try narrow.place(on: .cpu, multiplyingIn: .bfloat16)
    var options = trainer.options
    options.startsAtReference = false
    let other = try Trainer(
      policy: narrow, reference: CausalLM.pretrained(run.folder), pairs: ObjectiveRun.pairs(), options: options)
    let (exact, found) = (try trainer.step(), try other.step())
    #expect(isClose(found.metrics.auxiliaryLoss, exact.metrics.auxiliaryLoss, within: 0.02))
    #expect(isClose(found.gradientNorm, exact.gradientNorm, within: 0.1))
  }

  @Test("A checkpoint in the middle of a run goes on to the same weights")
  func checkpoint() throws {
    let run = try ExpertRun("minimind_moe")
    let scratch = try Scratch()
    let whole = try run.trainer(size: 8)
    try whole.steps()
    let first = try run.trainer(size: 8)
    try first.steps(4)
    try RunCheckpoint.write(
      first, interval: IntervalReport(), tokenizer: nil, identity: [:], to: scratch.file("checkpoint"))
    let second = try run.trainer(size: 8)
    _ = try RunCheckpoint.restore(second, from: scratch.file("checkpoint"), identity: [:])
    try second.steps()
    #expect(try second.policy.bits == whole.policy.bits)
  }
}
