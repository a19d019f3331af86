import DPO
import Foundation
import MiniMind
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

/// Five steps of TRL with one loss; Tools/reference/objective_runs.py.
struct ObjectiveRun: Sendable, CustomTestStringConvertible {
  /// What one step had.
  struct Step: Sendable {
    /// TRL's metrics, `loss` and `grad_norm` among them.
    let values: [String: Double]

    func value(_ name: String) throws -> Double { try #require(values[name]) }
    var loss: Double { get throws { try value("loss") } }
    var gradientNorm: Double { get throws { try value("grad_norm") } }
  }

  let name: String
  /// Whose numbers they are: the name of a trainer of TRL, or `formula`.
  let authority: String
  let loss: PreferenceLoss
  let sync: ReferenceSync?
  let learningRate: Double
  /// What the policy's weights are multiplied with to be the reference's.
  let referenceScale: Double
  let steps: [Step]
  /// What all runs have in common.
  private let common: TrainingOptions

  var testDescription: String { name }

  /// All runs of the golden.
  static func all() throws -> [ObjectiveRun] {
    let json = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("objectives.json")))
    let common = try TrainingOptions(reference: try #require(json["options"]))
    return try #require(json["cases"]?.array).map { try ObjectiveRun($0, common: common) }
  }

  private init(_ json: JSON, common: TrainingOptions) throws {
    name = try #require(json["name"]?.string)
    authority = try #require(json["authority"]?.string)
    referenceScale = try #require(json["reference_scale"]?.double)
    let options = try #require(json["options"])
    loss = try PreferenceLoss(reference: options)
    learningRate = try #require(options["learning_rate"]?.double)
    sync =
      options["sync_ref_model"] == nil
      ? nil
      : ReferenceSync(
        mixing: try #require(options["ref_model_mixup_alpha"]?.double),
        steps: try #require(options["ref_model_sync_steps"]?.int))
    steps = try #require(json["steps"]?.array).map { step in
      Step(
        values: Dictionary(
          uniqueKeysWithValues: try #require(step.object).compactMap { key, value in
            value.double.map { (String(key), $0) }
          }))
    }
    self.common = common
  }

  /// The options of this run, but for the division of a step.
  func options() -> TrainingOptions {
    var options = common
    options.maxSteps = steps.count
    (options.loss, options.learningRate, options.referenceSync) = (loss, learningRate, sync)
    return options
  }

  /// The model of `dpo_run.py`, and its pairs.
  static func model() throws -> CausalLM { try CausalLM.pretrained(goldens().appendingPathComponent("dpo20")) }

  static func pairs() throws -> [TokenizedPair] {
    let url = try goldens().appendingPathComponent("dpo20/pairs.json")
    return try #require(try JSON(parsing: Data(contentsOf: url)).array).enumerated().map {
      try TokenizedPair(reference: $1, index: $0)
    }
  }

  /// A trainer before its first step; without a reference where the loss needs none.
  func trainer(_ options: TrainingOptions, pairs: [TokenizedPair], ranks: Ranks? = nil) throws -> Trainer {
    let policy = try Self.model()
    guard loss.needsReference else {
      return try Trainer(policy: policy, reference: noReference, pairs: pairs, options: options, ranks: ranks)
    }
    let reference = try policy.copy()
    try withoutGrad { () throws(TorchError) in try reference.weights.storage.multiplyInPlace(referenceScale) }
    return try Trainer(policy: policy, reference: reference, pairs: pairs, options: options, ranks: ranks)
  }

  /// The same loss with other models and 25 other pairs.
  func smallTrainer(_ options: TrainingOptions, ranks: Ranks? = nil) throws -> Trainer {
    let (policy, pairs) = (try smallModel(), smallPairs(25))
    return loss.needsReference
      ? try Trainer(policy: policy, reference: smallModel(seed: 2), pairs: pairs, options: options, ranks: ranks)
      : try Trainer(policy: policy, reference: noReference, pairs: pairs, options: options, ranks: ranks)
  }

  private var noReference: ReferenceModel? { nil }
}

extension PreferenceLoss {
  /// The loss that TRL's options name.
  init(reference json: JSON) throws {
    let names = try #require(json["loss_type"]?.array).compactMap(\.string)
    let weights = json["loss_weights"]?.array?.compactMap(\.double) ?? names.map { _ in 1 }
    let parts = try zip(names, weights).map { Part(try #require(Objective(named: $0)), weight: $1) }
    self.init(
      parts, beta: try #require(json["beta"]?.double), labelSmoothing: json["label_smoothing"]?.double ?? 0)
    if let name = json["f_divergence_type"]?.string { divergence = try #require(Divergence(rawValue: name)) }
    if let value = json["f_alpha_divergence_coef"]?.double { divergenceCoefficient = value }
    weighsPairs = json["use_weighting"] != nil
    excessTokenWeight = json["ld_alpha"]?.double
    if let value = json["discopop_tau"]?.double { discopopTau = value }
    if let value = json["cpo_alpha"]?.double { cpoAlpha = value }
    if let value = json["simpo_gamma"]?.double { simpoGamma = value }
    if let value = json["dpop_lambda"]?.double { dpopLambda = value }
  }
}

extension TrainingOptions {
  /// AdamW, schedule and clipping of a golden, for pairs in their order and models that differ.
  init(reference json: JSON) throws {
    func number(_ name: String) throws -> Double { try #require(json[name]?.double) }
    self.init()
    scheduleShape = try #require(json["lr_scheduler_type"]?.string.flatMap(LearningRateSchedule.Shape.init))
    warmupSteps = Int(try number("warmup_steps"))
    adam = AdamW.Options(
      beta1: try number("adam_beta1"), beta2: try number("adam_beta2"), epsilon: try number("adam_epsilon"),
      weightDecay: try number("weight_decay"))
    maxGradientNorm = try number("max_grad_norm")
    (shuffles, startsAtReference) = (false, false)
  }
}

extension TokenizedPair {
  /// A pair of a golden: ids, and masks that are 1 on targets.
  init(reference json: JSON, index: Int) throws {
    func list(_ name: String) throws -> [Int] { try #require(json[name]?.array).compactMap(\.int) }
    let (chosen, rejected) = (try list("chosen_ids"), try list("rejected_ids"))
    self.init(
      index: index, chosenIDs: chosen.map(Int32.init), rejectedIDs: rejected.map(Int32.init),
      chosenTargets: try list("chosen_mask").map { $0 == 1 },
      rejectedTargets: try list("rejected_mask").map { $0 == 1 },
      sharedPrefix: zip(chosen, rejected).prefix { $0 == $1 }.count)
  }
}
