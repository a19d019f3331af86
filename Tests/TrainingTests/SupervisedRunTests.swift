import DPO
import Foundation
import MiniMind
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

/// Supervised fine-tuning by `transformers` and PyTorch, each text a padded row of its own; Tools/reference/sft_run.py.
private struct SupervisedRun: Sendable {
  let texts: [TokenizedPair]
  let options: TrainingOptions
  let steps: [[String: Double]]

  init(_ name: String, texts: [TokenizedPair]) throws {
    let json = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent(name)))
    steps = try #require(json["steps"]?.array).map { step in
      Dictionary(
        uniqueKeysWithValues: try #require(step.object).compactMap { key, value in value.double.map { (key, $0) } })
    }
    func number(_ name: String) throws -> Double { try #require(json["options"]?[name]?.double) }
    var options = TrainingOptions()
    options.loss = .supervised
    options.perDeviceBatchSize = Int(try number("batch_size"))
    options.accumulationSteps = Int(try number("gradient_accumulation_steps"))
    options.maxSteps = Int(try number("steps"))
    options.learningRate = try number("learning_rate")
    options.warmupSteps = Int(try number("warmup_steps"))
    options.adam = AdamW.Options(
      beta1: try number("adam_beta1"), beta2: try number("adam_beta2"), epsilon: try number("adam_epsilon"),
      weightDecay: try number("weight_decay"))
    options.maxGradientNorm = try number("max_grad_norm")
    options.shuffles = false
    (self.options, self.texts) = (options, texts)
  }

  /// The small model, over the chosen sides of its pairs.
  static func small() throws -> SupervisedRun {
    try SupervisedRun("dpo20/sft.json", texts: ObjectiveRun.pairs().map(\.chosenText))
  }

  /// Takes all steps.
  func take(
    _ model: CausalLM, _ options: TrainingOptions? = nil, ranks: Ranks? = nil
  ) throws -> [StepReport] {
    try trainer(model, options, ranks: ranks).steps()
  }

  func trainer(_ model: CausalLM, _ options: TrainingOptions? = nil, ranks: Ranks? = nil) throws -> Trainer {
    let none: ReferenceModel? = nil
    return try Trainer(
      policy: model, reference: none, pairs: texts, options: options ?? self.options, ranks: ranks)
  }
}

extension TokenizedPair {
  fileprivate var chosenText: TokenizedPair {
    TokenizedPair(text: chosenIDs, targets: chosenTargets, index: index)
  }
}

@Suite("Supervised fine-tuning follows PyTorch (Tools/reference/sft_run.py)")
struct SupervisedRunTests {
  /// What may not change a step.
  enum Division: String, CaseIterable, Sendable {
    case accumulated, oneMicroBatch, dividedByTokens, padded, ownSequences, twoRanksWithZeRO1

    func apply(to options: inout TrainingOptions) {
      switch self {
      case .accumulated: break
      case .oneMicroBatch, .padded: (options.perDeviceBatchSize, options.accumulationSteps) = (8, 1)
      case .dividedByTokens: options.microBatchTokens = 40
      case .ownSequences: options.sharesPrefix = false
      case .twoRanksWithZeRO1: options.accumulationSteps = 1
      }
    }
  }

  @Test(
    "Each step has the reference's loss, gradient norm, accuracy and entropy, however its texts are divided",
    arguments: Division.allCases)
  func trajectory(_ division: Division) throws {
    let run = try SupervisedRun.small()
    var options = run.options
    division.apply(to: &options)
    let chosen = options
    let outcomes: [[StepReport]] =
      if division == .twoRanksWithZeRO1 {
        try asRanks(2, shardsOptimizer: true) { try run.take(ObjectiveRun.model(), chosen, ranks: $0) }
      } else {
        [try take(run, chosen, records: division == .padded)]
      }
    for reports in outcomes {
      #expect(reports.count == 20)
      for (expected, report) in zip(run.steps, reports) {
        let means = Dictionary(uniqueKeysWithValues: report.metrics.means(of: .texts).map { ($0.name, $0.value) })
        func agrees(_ name: String, _ value: Double?, within tolerance: Double) throws {
          let (wanted, found) = (try #require(expected[name]), try #require(value))
          #expect(
            abs(found - wanted) <= tolerance, "\(division), step \(report.step), \(name): \(found), not \(wanted)")
        }
        try agrees("loss", means["loss"], within: 1e-4)
        try agrees("loss", report.loss, within: 1e-4)
        try agrees("grad_norm", report.gradientNorm, within: 1e-3)
        try agrees("learning_rate", report.learningRate, within: 1e-15)
        try agrees("mean_token_accuracy", means["mean_token_accuracy"], within: 1e-12)
        try agrees("entropy", means["entropy"], within: 1e-4)
        try agrees("targets", report.metrics.chosenTargets, within: 0)
      }
    }
  }

  private func take(_ run: SupervisedRun, _ options: TrainingOptions, records: Bool) throws -> [StepReport] {
    let trainer = try run.trainer(ObjectiveRun.model(), options)
    if records { trainer.record(by: TapeRecorder()) }
    let reports = try trainer.steps()
    #expect(trainer.recordingRefusal == nil)
    return reports
  }

  @Test("A 64 M model's 20 steps follow PyTorch's in double precision within 1e-4 in loss")
  func realSize() throws {
    let golden = try RealSizeGolden()
    let run = try SupervisedRun("real_size_sft.json", texts: golden.pairs.map(\.chosenText))
    for (expected, report) in zip(run.steps, try run.take(golden.policy())) {
      #expect(abs(report.loss - (try #require(expected["loss"]))) < 1e-4, "step \(report.step)")
      #expect(
        isClose(report.gradientNorm, try #require(expected["grad_norm"]), within: 1e-3), "step \(report.step)")
    }
  }

  @Test("A run that was resumed has the same bits, at every step")
  func resumes() throws {
    let run = try SupervisedRun.small()
    var options = run.options
    (options.maxSteps, options.shuffles) = (6, true)
    let whole = try run.trainer(ObjectiveRun.model(), options)
    let scratch = try Scratch()
    for step in 1...5 {
      try whole.steps(1)
      try RunCheckpoint.write(
        whole, interval: IntervalReport(), tokenizer: nil, identity: [:], to: scratch.file("checkpoint-\(step)"))
    }
    try whole.steps()
    for step in 1...5 {
      let resumed = try run.trainer(ObjectiveRun.model(), options)
      _ = try RunCheckpoint.restore(resumed, from: scratch.file("checkpoint-\(step)"), identity: [:])
      try resumed.steps()
      #expect(try resumed.policy.bits == whole.policy.bits, "resumed after step \(step)")
    }
  }

  @Test("An evaluation is the mean over all target tokens, in one process and over two")
  func evaluation() throws {
    let run = try SupervisedRun.small()
    let model = try ObjectiveRun.model()
    // The loss of every text by itself, unpacked.
    var sums = (loss: 0.0, targets: 0.0)
    for text in run.texts {
      let alone = try Trainer.evaluate(model, reference: nil, pairs: [text], options: run.options).metrics
      sums.loss += alone.chosenNegativeLogLikelihood
      sums.targets += alone.chosenTargets
    }
    let found = try asRanks(2) { ranks in
      let model = try ObjectiveRun.model()
      return try [nil, ranks].map {
        try Trainer.evaluate(model, reference: nil, pairs: run.texts, options: run.options, ranks: $0)
      }
    }
    for evaluation in found.flatMap(\.self) {
      let loss = try #require(evaluation.metrics.means(of: .texts).first { $0.name == "loss" }?.value)
      #expect(isClose(loss, sums.loss / sums.targets, within: 1e-6))
      #expect(evaluation.metrics.chosenTargets == sums.targets)
      #expect(evaluation.pairs.map(\.index) == run.texts.map(\.index))
    }
  }

  @Test("Texts with the same prompt share it, and the numbers stay what they are")
  func sharedPrompts() throws {
    let prompt = (0..<12).map { Int32(3 + $0) }
    let texts = (0..<6).map { index -> TokenizedPair in
      let ids = prompt + (0..<5).map { Int32(20 + 7 * index + $0) % 64 }
      let targets = ids.indices.map { $0 >= 12 || $0 == 5 }
      var text = TokenizedPair(text: ids, targets: targets, index: index)
      text.promptKey = 7
      return text
    }
    let steps = try [true, false].map { shares in
      var options = TrainingOptions()
      (options.loss, options.perDeviceBatchSize, options.sharesPrefix) = (.supervised, 6, shares)
      (options.learningRate, options.maxSteps) = (1e-3, 3)
      let none: ReferenceModel? = nil
      return try Trainer(policy: smallModel(), reference: none, pairs: texts, options: options).steps()
    }
    for (shared, alone) in zip(steps[0], steps[1]) {
      #expect(isClose(shared.loss, alone.loss, within: 1e-6))
      #expect(isClose(shared.gradientNorm, alone.gradientNorm, within: 1e-5))
      #expect(shared.metrics.sideTokens == alone.metrics.sideTokens)
      #expect(shared.metrics.tokens < alone.metrics.tokens)
    }
  }
}
