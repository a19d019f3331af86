import ArgumentParser
import Foundation
import MiniMind
import Observability
import OrderedCollections
import OrderedJSON
import Preferences
import Tokenization
import Torch
import Training

import struct Observability.Progress

/// `bench`: how fast this machine trains, and how close that comes to what it could.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures training speed: pairs/s, tokens/s, and the share of this machine's matrix-product rate.",
    discussion: """
      Without --train-data the pairs are made up: random tokens, --prefix-tokens that both sides share and two \
      tails of --tail-tokens. The utilisation counts the operations that the real tokens need (2 per weight and token \
      forward, twice that backward, once more for an online reference, and attention) over the measured rate of float32 \
      products of the feed-forward network's shape.
      """)

  @Option(help: "A shape of MiniMind's, with random weights: minimind-3, minimind2, minimind2-small.")
  var shape = NamedShape.miniMind3
  @Option(help: ArgumentHelp("Preference pairs; needs --tokenizer.", valueName: "file"))
  var trainData: String?
  @Option(help: ArgumentHelp("The folder of the tokenizer for --train-data.", valueName: "folder"))
  var tokenizer: String?
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Option(help: ArgumentHelp("Shared tokens of a made-up pair.", valueName: "tokens"))
  var prefixTokens = 256
  @Option(help: ArgumentHelp("Tokens of each side behind them.", valueName: "tokens"))
  var tailTokens = 192
  @Option(name: [.long, .customLong("batch-size")], help: ArgumentHelp("Pairs of a step.", valueName: "pairs"))
  var perDeviceTrainBatchSize = 4
  @Option(help: ArgumentHelp("Steps that are measured, behind one of warm-up.", valueName: "steps"))
  var steps = 4
  @Flag(help: "Print one JSON object instead of a table.")
  var json = false
  @OptionGroup(title: "Machine") var device: DeviceArguments

  func validate() throws {
    guard steps >= 1, perDeviceTrainBatchSize >= 1, prefixTokens >= 1, tailTokens >= 1 else {
      throw ValidationError(
        "--steps, --per-device-train-batch-size, --prefix-tokens and --tail-tokens must be at least 1.")
    }
    guard (trainData == nil) == (tokenizer == nil) else {
      throw ValidationError("--train-data and --tokenizer belong together.")
    }
  }

  func run() throws {
    try device.prepare()
    let policy = try CausalLM(ModelConfiguration(shape.json))
    try policy.initializeRandomly(seed: 42)
    var options = TrainingOptions()
    options.perDeviceBatchSize = perDeviceTrainBatchSize
    options.maxSteps = steps + 1
    let learned = try pairsToLearnFrom(vocabulary: policy.configuration.vocabularySize)
    let trainer = try Trainer(policy: policy, reference: policy.copy(), pairs: learned, options: options)
    let progress = ProgressLine()
    var (seconds, waited, tokens, operations) = (0.0, 0.0, 0.0, 0.0)
    for step in 0...steps {
      let report = try trainer.step()
      progress.update(Progress(task: "bench", done: step + 1, total: steps + 1))
      guard step > 0 else { continue }
      seconds += report.duration / .seconds(1)
      waited += report.dataWait / .seconds(1)
      tokens += report.metrics.tokens
      let batch = TreeBatch(trainer.plan.pairs(ofStep: report.step).map { learned[$0] })
      operations += Arithmetic.training(batch, of: policy.configuration, onlineReference: true)
    }
    progress.finish()
    let peak = try Arithmetic.measuredPeak(of: policy.configuration, tokens: Int(tokens) / steps)
    report([
      "model": .string(shape.rawValue), "threads": .integer(Runtime.threadCount), "steps": .integer(steps),
      "pairs_per_second": .number(Double(steps * perDeviceTrainBatchSize) / seconds),
      "tokens_per_second": .number(tokens / seconds), "seconds_per_step": .number(seconds / Double(steps)),
      "data_wait_share": .number(waited / seconds), "gflops": .number(operations / seconds / 1e9),
      "peak_gflops": .number(peak / 1e9), "utilization": .number(operations / seconds / peak),
      "peak_memory_bytes": ProcessMemory.current().map { .integer($0.peakBytes) } ?? .null,
    ])
  }

  private func pairsToLearnFrom(vocabulary: Int) throws -> [TokenizedPair] {
    if let trainData, let tokenizer {
      let folder = URL(fileURLWithPath: tokenizer, isDirectory: true)
      let prepared = try PreparedPairs(
        contentsOf: trainData, tokenizer: Tokenizer(folder: folder), folder: folder, options: pairs.options(seed: 42),
        cache: pairs.cache)
      return try prepared.usable()
    }
    var generator = SeededGenerator(seed: 42)
    func draw(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(generator.below(vocabulary)) } }
    return (0..<perDeviceTrainBatchSize * (steps + 1)).map { index in
      let prefix = draw(prefixTokens)
      let targets = [Bool](repeating: false, count: prefixTokens) + [Bool](repeating: true, count: tailTokens)
      return TokenizedPair(
        index: index, chosenIDs: prefix + draw(tailTokens), rejectedIDs: prefix + draw(tailTokens),
        chosenTargets: targets, rejectedTargets: targets, sharedPrefix: prefixTokens)
    }
  }

  private func report(_ figures: OrderedDictionary<String, JSON>) {
    if json { return Output.line(JSON.object(figures).serialized(.python)) }
    for (name, value) in figures {
      let text =
        value.string ?? value.int.map { HumanText.grouped($0) } ?? value.double.map { HumanText.short($0) } ?? "unknown"
      Output.line(name.padding(toLength: 20, withPad: " ", startingAt: 0) + text)
    }
  }
}
