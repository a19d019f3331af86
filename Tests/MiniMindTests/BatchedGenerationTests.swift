import Foundation
import MiniMind
import ModelFixtures
import OrderedJSON
import Testing
import Torch

@Suite("Generation in batches")
struct BatchedGenerationTests {
  @Test(
    "Greedy answers are those of one prompt at a time, in batches of any height",
    arguments: ["qwen3", "llama", "qwen3_yarn", "qwen3_moe", "minimind_moe"])
  func greedy(folder: String) throws {
    let model = try Golden(folder).model()
    let prompts = Self.prompts(23, vocabulary: model.configuration.vocabularySize)
    let expected = try prompts.map { try model.generate($0, options: .greedy(20)) }
    for rows in [1, 5, 16, 64] {
      let answers = try model.generate(prompts: prompts, options: .greedy(20), rows: rows)
      #expect(answers.map(\.prompt) == Array(prompts.indices))
      for (answer, single) in zip(answers, expected) {
        try expectSame(answer.tokens, single, after: prompts[answer.prompt], model)
      }
    }
  }

  @Test("The same for a 64 M model, where answers of a batch of 18 also equal those of a batch of 16")
  func realSize() throws {
    let model = try HashedWeights.miniMind3(seed: 11)
    let prompts = Self.prompts(18, vocabulary: 6400)
    let batch = try model.generate(prompts: prompts, options: .greedy(8))
    for answer in batch.prefix(6) {
      let single = try model.generate(prompts[answer.prompt], options: .greedy(8))
      try expectSame(answer.tokens, single, after: prompts[answer.prompt], model)
    }
    #expect(Set(batch.map(\.tokens)).count == prompts.count)
    var options = SamplingOptions.greedy(4)
    options.temperature = 1
    let wide = try model.generate(prompts: prompts, options: options)
    let narrow = try model.generate(prompts: prompts, options: options, rows: 16)
    #expect(wide == narrow)
  }

  @Test(
    "A sample is the same whatever runs beside it: other heights, orders, and parts of the prompts",
    arguments: [
      JSON.Object(),
      ["model_type": "qwen3_moe", "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 24],
    ])
  func independence(changes: JSON.Object) throws {
    let model = try smallModel(changes)
    let prompts = Self.prompts(17, vocabulary: 64)
    var options = SamplingOptions.greedy(30)
    (options.temperature, options.topP, options.repetitionPenalty) = (1, 0.9, 1.1)
    func answers(_ numbers: [Int], rows: Int, samples: Int = 3) throws -> [[Int]: [Int32]] {
      let made = try model.generate(
        prompts: numbers.map { prompts[$0] }, samples: samples, options: options, endTokens: [5], numbers: numbers,
        rows: rows)
      return Dictionary(uniqueKeysWithValues: made.map { ([numbers[$0.prompt], $0.sample], $0.tokens) })
    }
    let all = try answers(Array(prompts.indices), rows: 64)
    #expect(all.count == 51)
    #expect(Set(all.values).count > 45)
    for rows in [1, 2, 7, 16, 33] { #expect(try answers(Array(prompts.indices), rows: rows) == all) }
    #expect(try answers(prompts.indices.reversed(), rows: 9) == all)
    let half = try answers([1, 4, 9, 16], rows: 5, samples: 2)
    #expect(half.count == 8)
    for (key, tokens) in half { #expect(all[key] == tokens) }
  }

  @Test("With another seed, or for another number of the prompt, all samples are others")
  func seeds() throws {
    let model = try smallModel()
    let prompt = Self.prompts(1, vocabulary: 64)[0]
    var options = SamplingOptions.greedy(16)
    options.temperature = 1
    let first = try model.generate(prompts: [prompt, prompt], samples: 8, options: options)
    options.seed = 43
    let second = try model.generate(prompts: [prompt, prompt], samples: 8, options: options)
    #expect(Set((first + second).map(\.tokens)).count == 32)
  }

  @Test("Tokens are drawn as often as their probability says, with several samples of a prompt")
  func frequencies() throws {
    let golden = try Golden("qwen3")
    let model = try golden.model()
    let prompt = try golden.ids()[1].prefix(12).map(Int32.init)
    var options = SamplingOptions.greedy(2)
    options.temperature = 0.7
    let answers = try model.generate(prompts: [prompt], samples: 1200, options: options)
    let firsts = answers.map { Int($0.tokens[0]) }
    try expect(firsts, asOftenAs: probabilities(model, after: prompt, temperature: 0.7))
    // The second token comes out of a step of the batch.
    let common = try #require(
      Dictionary(grouping: firsts, by: { $0 }).max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.key)
    let seconds = answers.filter { Int($0.tokens[0]) == common }.map { Int($0.tokens[1]) }
    #expect(seconds.count > 30)
    try expect(seconds, asOftenAs: probabilities(model, after: prompt + [Int32(common)], temperature: 0.7))
  }

  @Test("The repetition penalty, the limit of ids and the greedy limits of sampling give the single answers")
  func options() throws {
    let model = try Golden("qwen3").model()
    let prompts = Self.prompts(5, vocabulary: model.configuration.vocabularySize)
    let changes: [@Sendable (inout SamplingOptions) -> Void] = [
      { $0.repetitionPenalty = 1.7 }, { $0.tokenCount = 40 }, { ($0.temperature, $0.topK) = (1, 1) },
      { ($0.temperature, $0.topP) = (1, 1e-9) }, { ($0.temperature, $0.topP) = (1, 0) },
      { ($0.repetitionPenalty, $0.tokenCount) = (1.3, 50) },
    ]
    for change in changes {
      var options = SamplingOptions.greedy(12)
      change(&options)
      let answers = try model.generate(prompts: prompts, options: options)
      for answer in answers {
        #expect(answer.tokens == (try model.generate(prompts[answer.prompt], options: options)))
      }
    }
  }

  @Test("End tokens and the limit end answers, and each answer tells which; a listener ends all")
  func ends() throws {
    let model = try Golden("qwen3").model()
    let prompts = Self.prompts(6, vocabulary: model.configuration.vocabularySize)
    let whole = try model.generate(prompts: prompts, options: .greedy(24))
    #expect(whole.allSatisfy { !$0.hasEnded && $0.tokens.count == 24 })
    // The first token of one answer and a later one of another.
    let ends: Set<Int32> = [whole[0].tokens[0], whole[1].tokens[9]]
    var heard: [GeneratedAnswer] = []
    let ended = try model.generate(prompts: prompts, options: .greedy(24), endTokens: ends, rows: 3) { _ in
      true
    } onAnswer: {
      heard.append($0)
    }
    for (answer, all) in zip(ended, whole) {
      let before = all.tokens.prefix { !ends.contains($0) }
      #expect(answer.tokens == Array(before))
      #expect(answer.endToken == all.tokens.dropFirst(before.count).first)
    }
    #expect(ended[0].tokens.isEmpty)
    #expect(heard.count == 6 && Set(heard) == Set(ended))
    #expect(try model.generate(prompts: prompts, options: .greedy(1)).map(\.tokens) == whole.map { [$0.tokens[0]] })
    #expect(try model.generate(prompts: prompts, options: .greedy(0)).isEmpty)
    #expect(try model.generate(prompts: []).isEmpty)
    var steps = 0
    let stopped = try model.generate(prompts: prompts, options: .greedy(24), endTokens: ends, rows: 3) {
      steps += $0
      return false
    }
    #expect(steps > 0 && stopped.count < 6)
  }

  @Test("An empty prompt is an error")
  func emptyPrompt() throws {
    let model = try smallModel()
    #expect(throws: TorchError.self) { try model.generate(prompts: [[1], []]) }
  }

  // MARK: - Comparing

  /// Prompts of 1 to 40 tokens.
  private static func prompts(_ count: Int, vocabulary: Int) -> [[Int32]] {
    (0..<count).map { number in
      HashedWeights.tokens(1 + number * 11 % 40, vocabulary: vocabulary, seed: UInt64(number) << 20).map(Int32.init)
    }
  }

  /// The same tokens; or the same up to one where the logits of both choices are equal but for rounding.
  private func expectSame(
    _ tokens: [Int32], _ single: [Int32], after prompt: [Int32], _ model: CausalLM,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    guard let place = tokens.indices.first(where: { $0 >= single.count || tokens[$0] != single[$0] }) else {
      #expect(tokens.count == single.count, sourceLocation: sourceLocation)
      return
    }
    try #require(place < single.count, sourceLocation: sourceLocation)
    try withoutGrad {
      let logits = try model.logits(of: [(prompt + single[..<place]).map(Int.init)])
      let last = try logits.select(0, prompt.count + place - 1).array(Float.self)
      let gap = abs(last[Int(tokens[place])] - last[Int(single[place])])
      #expect(gap < 1e-4, "token \(place) of \(tokens) and \(single)", sourceLocation: sourceLocation)
    }
  }

  private func probabilities(_ model: CausalLM, after prompt: [Int32], temperature: Double) throws -> [Double] {
    try withoutGrad {
      let logits = try model.logits(of: [prompt.map(Int.init)]).select(0, prompt.count - 1)
      return try logits.to(.float64).divide(temperature).softmax(0).array(Double.self)
    }
  }

  /// Each token within five standard deviations of a binomial count.
  private func expect(
    _ tokens: [Int], asOftenAs probabilities: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let counts = Dictionary(grouping: tokens, by: { $0 }).mapValues(\.count)
    for (token, p) in probabilities.enumerated() {
      let mean = Double(tokens.count) * p
      let distance = abs(Double(counts[token] ?? 0) - mean)
      #expect(distance <= 5 * (mean * (1 - p)).squareRoot() + 1, "token \(token)", sourceLocation: sourceLocation)
    }
  }
}
