import DPO
import Foundation
import MiniMind
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

/// A run of PyTorch, each side of a pair by itself and padded; Tools/reference/dpo_run.py.
private struct ReferenceRun {
  let policy: CausalLM
  let reference: CausalLM
  let pairs: [TokenizedPair]
  let options: TrainingOptions
  let steps: [JSON]
  let json: JSON

  /// - Parameter model: the folder of the goldens that holds the model; all runs have the pairs of dpo20
  init(_ name: String, of model: String = "dpo20") throws {
    let folder = try goldens().appendingPathComponent(model)
    policy = try CausalLM.pretrained(folder)
    reference = try CausalLM.pretrained(folder)
    json = try JSON(parsing: Data(contentsOf: folder.appendingPathComponent(name)))
    steps = try #require(json["steps"]?.array)
    let given = try #require(json["options"])
    func number(_ name: String) throws -> Double { try #require(given[name]?.double) }

    var options = TrainingOptions()
    options.loss = PreferenceLoss(beta: try number("beta"), labelSmoothing: try number("label_smoothing"))
    options.perDeviceBatchSize = Int(try number("batch_size"))
    options.accumulationSteps = Int(try number("gradient_accumulation_steps"))
    options.maxSteps = Int(try number("steps"))
    options.learningRate = try number("learning_rate")
    options.scheduleShape = try #require(given["lr_scheduler_type"]?.string.flatMap(LearningRateSchedule.Shape.init))
    options.warmupSteps = Int(try number("warmup_steps"))
    options.adam = AdamW.Options(
      beta1: try number("adam_beta1"), beta2: try number("adam_beta2"), epsilon: try number("adam_epsilon"),
      weightDecay: try number("weight_decay"))
    options.maxGradientNorm = try number("max_grad_norm")
    options.shuffles = false
    self.options = options

    pairs = try #require(
      try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("dpo20/pairs.json"))).array
    ).map {
      pair in
      func list(_ name: String) throws -> [Int] { try #require(pair[name]?.array).compactMap(\.int) }
      let (chosen, rejected) = (try list("chosen_ids"), try list("rejected_ids"))
      return TokenizedPair(
        index: try #require(pair["index"]?.int), chosenIDs: chosen.map(Int32.init),
        rejectedIDs: rejected.map(Int32.init), chosenTargets: try list("chosen_mask").map { $0 == 1 },
        rejectedTargets: try list("rejected_mask").map { $0 == 1 },
        sharedPrefix: zip(chosen, rejected).prefix { $0 == $1 }.count)
    }
  }
}

@Suite("Runs that PyTorch has gone before (Tools/reference/dpo_run.py)")
struct ReferenceRunTests {
  @Test(
    "Each step has the reference's loss, gradient norm, rate, rewards and log-probabilities",
    arguments: [
      ("dpo20", "trajectory.json"), ("dpo20", "trajectory_smoothed.json"), ("dpo20_qwen2", "trajectory.json"),
    ], [true, false])
  func trajectory(of model: (folder: String, run: String), sharesPrefix: Bool) throws {
    let run = try ReferenceRun(model.run, of: model.folder)
    var options = run.options
    options.sharesPrefix = sharesPrefix
    let trainer = try Trainer(policy: run.policy, reference: run.reference, pairs: run.pairs, options: options)
    let start = try run.policy.copy()
    for (expected, report) in zip(run.steps, try trainer.steps()) {
      let step = report.step
      func reference(_ name: String) throws -> Double { try #require(expected[name]?.double) }
      let means = Dictionary(uniqueKeysWithValues: report.metrics.means.map { ($0.name, $0.value) })
      func mean(_ name: String) throws -> Double { try #require(means[name]) }

      #expect(expected["step"]?.int == step)
      #expect(try abs(mean("loss") - reference("loss")) < 1e-4, "step \(step)")
      #expect(try isClose(report.gradientNorm, reference("grad_norm"), within: 1e-3), "step \(step)")
      #expect(try isClose(report.learningRate, reference("learning_rate"), within: 1e-12), "step \(step)")
      for name in ["rewards/chosen", "rewards/rejected", "rewards/margins"] {
        #expect(try abs(mean(name) - reference(name)) < 1e-4, "step \(step), \(name)")
      }
      for name in ["logps/chosen", "logps/rejected"] {
        #expect(try isClose(mean(name), reference(name), within: 1e-5), "step \(step), \(name)")
      }
      // While policy and reference are equal, rounding decides which reward is the larger.
      if try reference("rewards/margins") != 0 {
        #expect(try mean("rewards/accuracies") == reference("rewards/accuracies"), "step \(step)")
      }
    }
    #expect(trainer.completedSteps == run.steps.count)
    try compareWeights(of: trainer.policy, start: start, with: run.json)
  }

  private func compareWeights(of policy: CausalLM, start: CausalLM, with json: JSON) throws {
    for ((name, now), (_, before)) in zip(policy.namedParameters, start.namedParameters) {
      let now = try now.value.detached().to(.float64)
      let update = try now.subtract(before.value.detached().to(.float64))
      let norms = (now: try now.norm().item(), update: try update.norm().item())
      #expect(isClose(norms.now, try #require(json["parameter_norms"]?[name]?.double), within: 1e-5), "\(name)")
      #expect(isClose(norms.update, try #require(json["update_norms"]?[name]?.double), within: 1e-3), "\(name)")
    }
    #expect(json["parameter_norms"]?.object?.count == policy.namedParameters.count)
  }

  @Test("Runs with and without shared prefixes agree within 1e-5 in loss and gradient norm")
  func sharing() throws {
    let runs = try [true, false].map { sharesPrefix in
      let run = try ReferenceRun("trajectory.json")
      var options = run.options
      options.sharesPrefix = sharesPrefix
      return try Trainer(policy: run.policy, reference: run.reference, pairs: run.pairs, options: options).steps()
    }
    for (shared, unshared) in zip(runs[0], runs[1]) {
      #expect(isClose(shared.loss, unshared.loss, within: 1e-5), "step \(shared.step)")
      #expect(isClose(shared.gradientNorm, unshared.gradientNorm, within: 1e-5), "step \(shared.step)")
      #expect(shared.metrics.tokens < unshared.metrics.tokens)
    }
  }
}
