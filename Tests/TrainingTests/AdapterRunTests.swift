import Checkpoints
import DPO
import Foundation
import MiniMind
import OrderedJSON
import Preferences
import Testing
import Torch
import Training

@Suite("Adapters are trained as TRL and PEFT do (Tools/reference/lora.py)", .serialized)
struct AdapterRunTests {
  private static let names = ["plain", "rslora", "dora", "continued"]

  /// How a step of four pairs is divided.
  enum Division: CaseIterable, Sendable {
    case whole, twoMicroBatches, layersComputedAgain, cachedReference, twoRanks, twoRanksWithDividedOptimizer

    var ranks: Int { self == .twoRanks || self == .twoRanksWithDividedOptimizer ? 2 : 1 }
  }

  private struct Found: Sendable {
    let loss: Double
    let norm: Double
    let margin: Double
  }

  /// The steps that TRL took, by metric.
  private static func expected(_ name: String) throws -> (options: JSON, steps: [JSON]) {
    let json = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("lora/trajectories.json")))
    let run = try #require(json["cases"]?.array?.first { $0["name"]?.string == name })
    return (try #require(json["options"]), try #require(run["steps"]?.array))
  }

  private static func policy(_ name: String) throws -> CausalLM {
    let model = try ObjectiveRun.model()
    try model.loadAdapter(goldens().appendingPathComponent("lora/\(name)"))
    return model
  }

  private static func trainer(_ name: String, _ division: Division, ranks: Ranks? = nil) throws -> Trainer {
    let golden = try expected(name)
    var options = try TrainingOptions(reference: golden.options)
    options.learningRate = try #require(golden.options["learning_rate"]?.double)
    options.loss.beta = try #require(golden.options["beta"]?.double)
    options.maxSteps = golden.steps.count
    options.startsAtReference = true
    options.perDeviceBatchSize = division == .twoMicroBatches || division.ranks == 2 ? 2 : 4
    options.accumulationSteps = division == .twoMicroBatches ? 2 : 1
    options.cachesReference = division == .cachedReference
    let policy = try policy(name)
    policy.recomputesLayers = division == .layersComputedAgain
    return try Trainer(
      policy: policy, reference: policy.withCopiedAdapter(), pairs: ObjectiveRun.pairs(), options: options, ranks: ranks
    )
  }

  @Test("Ten steps have TRL's loss within 5e-4 and its gradient norm within 5e-3", arguments: names, Division.allCases)
  func follows(name: String, division: Division) throws {
    let steps = try Self.expected(name).steps
    let outcomes = try asRanks(division.ranks, shardsOptimizer: division == .twoRanksWithDividedOptimizer) { ranks in
      let trainer = try Self.trainer(name, division, ranks: division.ranks == 1 ? nil : ranks)
      let before = try trainer.policy.weights.storage.array(Float.self)
      try trainer.prepareReference()
      let found = try (1...steps.count).map { _ in
        let report = try trainer.step()
        let means = Dictionary(uniqueKeysWithValues: report.metrics.means.map { ($0.name, $0.value) })
        return Found(
          loss: report.metrics.loss / report.metrics.pairs, norm: report.gradientNorm,
          margin: means["rewards/margins"] ?? .nan)
      }
      #expect(try trainer.policy.weights.storage.array(Float.self) == before, "frozen weights have changed")
      for (name, parameter) in trainer.policy.namedParameters {
        #expect(try parameter.value.gradient() == nil, "\(name) is frozen and has a gradient")
      }
      return found
    }
    for found in outcomes {
      for (own, theirs) in zip(found, steps) {
        let (loss, norm) = try (#require(theirs["loss"]?.double), #require(theirs["grad_norm"]?.double))
        #expect(abs(own.loss - loss) < 5e-4)
        #expect(abs(own.norm - norm) < 5e-3)
        #expect(abs(own.margin - (try #require(theirs["rewards/margins"]?.double))) < 5e-3)
      }
    }
  }

  @Test("Optimizer, gradients and what is exchanged hold the adapter alone")
  func sizes() throws {
    let trainer = try Self.trainer("plain", .whole)
    let count = trainer.policy.trainedParameters.reduce(0) { $0 + $1.parameter.count }
    #expect(count == 3 * (2 * 4 * 64 + 4 * 64 + 4 * 32))
    let scratch = try Scratch()
    try trainer.steps(1)
    let folder = scratch.file("checkpoint-1")
    try RunCheckpoint.write(trainer, interval: IntervalReport(), tokenizer: nil, identity: [:], to: folder)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        == [
          "adapter_config.json", "adapter_model.safetensors", "manifest.json", "optimizer.safetensors",
          "trainer_state.json",
        ])
    let moments = try SafetensorsFile(contentsOf: folder.appendingPathComponent("optimizer.safetensors"))
    #expect(
      Set(moments.names) == Set(trainer.policy.trainedParameters.flatMap { ["first.\($0.name)", "second.\($0.name)"] }))
  }

  @Test(
    "A run that goes on from a checkpoint ends with the bits of one in one go, with dropout too", arguments: [1, 2])
  func resumes(ranks size: Int) throws {
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-2")
    let results = try asRanks(size) { ranks -> [[Float]] in
      func fresh() throws -> Trainer {
        let policy = try smallModel()
        try policy.addAdapter(LoRAConfiguration(rank: 3, dropout: 0.2, targets: .allLinear, usesDoRA: true), seed: 5)
        var options = TrainingOptions()
        (options.learningRate, options.perDeviceBatchSize) = (1e-2, 2)
        return try Trainer(
          policy: policy, reference: policy.base(), pairs: smallPairs(16), options: options,
          ranks: size == 1 ? nil : ranks)
      }
      let whole = try fresh()
      try whole.steps(2)
      try RunCheckpoint.write(
        whole, interval: IntervalReport(), tokenizer: nil, identity: [:],
        to: folder)
      try whole.steps(2)
      let resumed = try fresh()
      _ = try RunCheckpoint.restore(resumed, from: ranks.rank == 0 ? folder : nil, identity: [:])
      try resumed.steps(2)
      return try [whole, resumed].map { try $0.policy.trainedWeights.storage.detached().array(Float.self) }
    }
    for runs in results {
      #expect(runs[0] == runs[1])
      #expect(runs[0] == results[0][0])
    }
  }

  @Test("Dropout changes training passes and nothing else; layers computed again drop the same")
  func dropout() throws {
    func losses(dropout: Double, recomputes: Bool = false) throws -> (train: [Double], evaluation: Double) {
      let policy = try smallModel()
      try policy.addAdapter(LoRAConfiguration(rank: 3, dropout: dropout, targets: .allLinear), seed: 5)
      policy.recomputesLayers = recomputes
      var options = TrainingOptions()
      (options.learningRate, options.perDeviceBatchSize) = (1e-2, 4)
      let trainer = try Trainer(policy: policy, reference: policy.base(), pairs: smallPairs(16), options: options)
      let reports = try trainer.steps(3)
      let evaluation = try (1...2).map { _ in
        try Trainer.evaluate(
          policy, reference: ReferenceModel(policy.base()), pairs: smallPairs(4), options: options
        ).metrics.loss
      }
      #expect(evaluation[0] == evaluation[1])
      return (reports.map { $0.metrics.loss }, evaluation[0])
    }
    let (plain, dropped) = (try losses(dropout: 0), try losses(dropout: 0.3))
    #expect(plain.train[0] == dropped.train[0], "B is 0: nothing is added")
    #expect(plain.train[2] != dropped.train[2])
    let again = try losses(dropout: 0.3, recomputes: true)
    for (one, other) in zip(dropped.train, again.train) { #expect(isClose(one, other, within: 1e-6)) }
  }

  @Test("Products in 16 bits keep float32 adapters, whose copies follow", arguments: [DType.bfloat16])
  func copies(type: DType) throws {
    let policy = try smallModel()
    try policy.addAdapter(LoRAConfiguration(rank: 3, targets: .allLinear), seed: 5)
    let reference = try policy.base()
    for model in [policy, reference] { try model.place(on: .cpu, multiplyingIn: type) }
    var options = TrainingOptions()
    options.learningRate = 1e-2
    let trainer = try Trainer(policy: policy, reference: reference, pairs: smallPairs(16), options: options)
    try trainer.steps(2)
    let weights = policy.trainedWeights.storage
    #expect(weights.dtype == .float32)
    let copies = try #require(policy.trainedCopies)
    #expect(try copies.storage.notEqual(weights.detached().to(type)).any().item() == 0)
    #expect(reference.productType == type)
  }

  @Test("Passes that were recorded and are replayed drop other inputs each time, as plain ones do")
  func recorded() throws {
    func weights(records: Bool) throws -> [Float] {
      let policy = try smallModel()
      try policy.addAdapter(LoRAConfiguration(rank: 3, dropout: 0.2, targets: .allLinear), seed: 5)
      var options = TrainingOptions()
      (options.learningRate, options.perDeviceBatchSize) = (1e-2, 4)
      let trainer = try Trainer(policy: policy, reference: policy.base(), pairs: smallPairs(24), options: options)
      if records { trainer.record(by: TapeRecorder()) }
      try trainer.steps()
      return try policy.trainedWeights.storage.detached().array(Float.self)
    }
    // Padding does not change which inputs of the first tokens are dropped.
    #expect(distance(try weights(records: true), try weights(records: false)) < 1e-5)
  }
}
