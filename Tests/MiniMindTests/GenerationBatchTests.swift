import MiniMind
import ModelFixtures
import OrderedJSON
import Testing
import Torch

@Suite("Answers that come and go in a batch")
struct GenerationBatchTests {
  private static let prompts = (0..<20).map { number in
    HashedWeights.tokens(2 + number * 7 % 31, vocabulary: 64, seed: UInt64(number) << 20).map(Int32.init)
  }

  /// Options that differ from answer to answer.
  private static func options(_ number: Int) -> SamplingOptions {
    var options = SamplingOptions.greedy(8 + number * 5 % 17)
    options.seed = UInt64(100 + number)
    if number % 3 > 0 { (options.temperature, options.topP) = (0.6 + 0.1 * Double(number), 0.9) }
    if number % 4 == 1 { options.topK = 12 }
    if number % 5 == 2 { options.repetitionPenalty = 1.3 }
    return options
  }

  private static let ends: Set<Int32> = [5]

  /// The answer that each has alone.
  private func alone(_ model: CausalLM) throws -> [[Int32]] {
    try Self.prompts.indices.map { number in
      try model.generate(
        prompts: [Self.prompts[number]], options: Self.options(number), endTokens: Self.ends, numbers: [number])[0]
        .tokens
    }
  }

  @Test(
    "Each has its own options, and the tokens that it has alone, whoever joins and leaves meanwhile",
    arguments: [
      JSON.Object(),
      ["model_type": "qwen3_moe", "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 24],
    ])
  func independence(changes: JSON.Object) throws {
    let model = try smallModel(changes)
    let expected = try alone(model)
    for (rows, interval) in [(32, 1), (32, 3), (4, 1), (17, 2)] {
      try withoutGrad {
        let batch = try GenerationBatch(model, rows: rows)
        var tokens = [[Int32]](repeating: [], count: 20)
        var ended: Set<Int> = []
        func take(_ step: SequenceStep) {
          if let token = step.token { tokens[step.id].append(token) }
          if step.end != nil { ended.insert(step.id) }
        }
        var (next, time) = (0, 0)
        while next < 20 || !batch.isEmpty {
          if next < 20, batch.hasRoom, time % interval == 0 {
            take(
              try batch.admit(
                Self.prompts[next], as: next, options: Self.options(next), endTokens: Self.ends, number: next))
            next += 1
          }
          try batch.step().forEach(take)
          time += 1
        }
        #expect(tokens == expected, "\(rows) rows, one every \(interval) steps")
        #expect(ended.count == 20)
      }
    }
  }

  @Test("One that is taken out leaves the others as they are, and its place to another")
  func removal() throws {
    let model = try smallModel()
    let expected = try alone(model)
    try withoutGrad {
      let batch = try GenerationBatch(model, rows: 4)
      var tokens: [Int: [Int32]] = [:]
      func take(_ step: SequenceStep) { if let token = step.token { tokens[step.id, default: []].append(token) } }
      func admit(_ number: Int) throws {
        take(
          try batch.admit(
            Self.prompts[number], as: number, options: Self.options(number), endTokens: Self.ends, number: number))
      }
      for number in 0..<4 { try admit(number) }
      #expect(!batch.hasRoom)
      for _ in 0..<3 { try batch.step().forEach(take) }
      try batch.remove(1)
      try batch.remove(99)
      #expect(batch.count == 3)
      try admit(6)
      while !batch.isEmpty { try batch.step().forEach(take) }
      for number in [0, 2, 3, 6] { #expect(tokens[number] == expected[number]) }
      #expect(tokens[1].map { expected[1].starts(with: $0) && $0.count == 4 } == true)
    }
  }

  @Test("One whose numbers overflow ends by itself, and harms nobody beside or after it")
  func overflow() throws {
    // With this token, which is outside of what may be chosen, all that follows is not finite.
    let poison: Int32 = 64
    let model = try smallModel(["vocab_size": 65])
    let embedding = try #require(model.namedParameters.first { $0.name == "model.embed_tokens.weight" }).parameter
    try withoutGrad { try embedding.value.detached().select(0, Int(poison)).fillInPlace(.infinity) }
    func options(_ number: Int) -> SamplingOptions {
      var options = Self.options(number)
      options.tokenCount = 64
      return options
    }
    let expected = try (0..<6).map { number in
      try model.generate(prompts: [Self.prompts[number]], options: options(number), numbers: [number])[0].tokens
    }
    try withoutGrad {
      let batch = try GenerationBatch(model, rows: 8, tokenCount: 64)
      var tokens = [[Int32]](repeating: [], count: 6)
      func take(_ step: SequenceStep) { if let token = step.token { tokens[step.id].append(token) } }
      for number in 0..<6 {
        take(
          try batch.admit(Self.prompts[number], as: number, options: options(number), endTokens: [], number: number))
        let sick = try batch.admit([1, poison], as: 50, options: .greedy(4), endTokens: [], number: 0)
        #expect(sick == SequenceStep(id: 50, token: nil, end: .notFinite))
        try batch.step().forEach(take)
      }
      while !batch.isEmpty { try batch.step().forEach(take) }
      #expect(tokens == expected)
    }
    #expect(throws: TorchError.self) { try model.generate(prompts: [[1, poison]], options: options(0)) }
  }

  @Test("The memory asked for counts rows in sixteens, each as wide as the longest may become")
  func memory() throws {
    let model = try smallModel()
    try withoutGrad {
      let batch = try GenerationBatch(model, rows: 64)
      #expect(batch.cacheTokens(adding: 10, answer: 20) == 16 * 30)
      _ = try batch.admit([1, 2, 3], as: 0, options: .greedy(97), endTokens: [], number: 0)
      #expect(batch.cacheTokens(adding: 10, answer: 20) == 16 * 100)
      for number in 1..<16 { _ = try batch.admit([4], as: number, options: .greedy(2), endTokens: [], number: 0) }
      #expect(batch.cacheTokens(adding: 10, answer: 20) == 32 * 100)
    }
  }
}
