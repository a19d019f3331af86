import Foundation
import MiniMind
import Preferences
import Testing
import Torch
import Training

@Suite("Texts that are watched for forgetting, and answers to fixed prompts")
struct GuardTests {
  private func texts(_ count: Int) -> [GuardText] {
    var random = SeededGenerator(seed: 9)
    return (0..<count).map { index in
      let ids = (0..<2 + random.below(20)).map { _ in Int32(random.below(64)) }
      return GuardText(index: index, ids: ids, targets: ids.indices.map { $0 > 0 && ($0 == 1 || random.below(3) > 0) })
    }
  }

  /// −log p of the targets from the model's own logits.
  private func expected(_ model: CausalLM, _ text: GuardText) throws -> Double {
    try withoutGrad {
      let ids = try Tensor(text.ids.map(Int.init))
      let logits = try model.logits(
        ids, positions: .arange(0..<text.ids.count), pattern: PackedTrees([Tree(prefix: text.ids.count)]))
      let scores = try logits.to(.float64).array(Double.self)
      return text.ids.indices.reduce(0) { sum, place in
        guard text.targets[place] else { return sum }
        let row = scores[(place - 1) * 64..<place * 64]
        let largest = row.max() ?? 0
        let normalizer = largest + log(row.reduce(0) { $0 + exp($1 - largest) })
        return sum + normalizer - row[row.startIndex + Int(text.ids[place])]
      }
    }
  }

  @Test("The loss is that of the model's logits, text by text, whatever the micro-batches", arguments: [nil, 30])
  func losses(tokens: Int?) throws {
    let model = try smallModel()
    let texts = texts(11)
    var options = TrainingOptions()
    (options.microBatchTokens, options.perDeviceBatchSize, options.sharesPrefix) = (tokens, 3, false)
    let found = try Trainer.measure(model, on: texts, options: options)
    #expect(found.tokens == texts.map(\.targetCount))
    var sum = 0.0
    for (text, loss) in zip(texts, found.losses) {
      let wanted = try expected(model, text)
      #expect(isClose(loss, wanted, within: 1e-5))
      sum += wanted
    }
    #expect(isClose(found.loss, sum / Double(texts.reduce(0) { $0 + $1.targetCount }), within: 1e-5))
  }

  @Test("Ranks share the texts and all know the result", arguments: [2, 3])
  func ranks(size: Int) throws {
    let alone = try Trainer.measure(smallModel(), on: texts(7), options: TrainingOptions())
    let texts = texts(7)
    let found = try asRanks(size) { ranks in
      try Trainer.measure(smallModel(), on: texts, options: TrainingOptions(), ranks: ranks)
    }
    for measured in found {
      #expect(measured == found[0])
      #expect(isClose(measured.loss, alone.loss, within: 1e-6))
    }
    let stopped = try asRanks(2) { ranks in
      try Trainer.measure(
        smallModel(), on: texts, options: TrainingOptions(), ranks: ranks, stops: { ranks.rank == 1 })
    }
    for measured in stopped { #expect(measured.losses.count < 7 && measured == stopped[0]) }
  }

  @Test("Answers are the model's greedy ones, however many ranks give them", arguments: [1, 2, 3])
  func answers(size: Int) throws {
    let prompts: [[Int32]] = [[3, 7], [1], [9, 9, 2, 5], [40], [41, 2]]
    var options = SamplingOptions()
    options.maxNewTokens = 9
    let chosen = options
    let model = try smallModel()
    let ends: Set<Int32> = [Int32(5), 11, 17, 23, 40]
    let wanted = try prompts.map { try model.generate($0, options: options, endTokens: ends) }
    let found = try asRanks(size) { ranks in
      try Trainer.answers(of: smallModel(), to: prompts, options: chosen, endTokens: ends, ranks: ranks)
    }
    for answers in found {
      #expect(answers?.map(\.tokens) == wanted)
      #expect(answers?.map(\.isEnded) == wanted.map { $0.count < 9 })
    }
  }
}
