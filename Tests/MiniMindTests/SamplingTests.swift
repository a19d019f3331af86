import Foundation
import MiniMind
import Testing
import Torch

@Suite("Sampling")
struct SamplingTests {
  private let model: CausalLM
  private let prompt: [Int32]

  init() throws {
    let golden = try Golden("qwen3")
    model = try golden.model()
    prompt = try golden.ids()[1].prefix(12).map(Int32.init)
  }

  @Test("The same seed gives the same answer, other seeds give others")
  func seeds() throws {
    let answers = try (0..<8).map { try sample(seed: UInt64($0)) { $0.temperature = 1 } }
    #expect(Set(answers).count == 8)
    for (seed, answer) in answers.enumerated() {
      #expect(try sample(seed: UInt64(seed)) { $0.temperature = 1 } == answer)
    }
  }

  @Test("Only the most probable token left is the greedy answer: top-k 1, a tiny top-p, a tiny temperature")
  func narrowest() throws {
    let greedy = try model.generate(prompt, options: .greedy(12))
    for seed in 0..<4 as Range<UInt64> {
      #expect(try sample(seed: seed) { ($0.temperature, $0.topK) = (1, 1) } == greedy)
      #expect(try sample(seed: seed) { ($0.temperature, $0.topP) = (1, 1e-9) } == greedy)
      #expect(try sample(seed: seed) { ($0.temperature, $0.topP) = (1, 0) } == greedy)
      #expect(try sample(seed: seed) { $0.temperature = 1e-4 } == greedy)
    }
  }

  @Test("Tokens are drawn as often as their probability says, at several temperatures", arguments: [0.5, 1.0, 2.0])
  func frequencies(temperature: Double) throws {
    let expected = try probabilities(temperature: temperature)
    expect(try firstTokens(600) { $0.temperature = temperature }, asOftenAs: expected)
  }

  @Test("top-k draws from the k most probable tokens, all of them")
  func topK() throws {
    let best = Set(ranked(try probabilities(temperature: 3)).prefix(4))
    #expect(Set(try firstTokens(200) { ($0.temperature, $0.topK) = (3, 4) }) == best)
    // More than there are tokens leaves all.
    let all = try sample(seed: 5) { $0.temperature = 1 }
    #expect(try sample(seed: 5) { ($0.temperature, $0.topK) = (1, 10_000) } == all)
  }

  @Test("top-p draws from the fewest tokens that together reach p", arguments: [0.3, 0.6, 0.9])
  func topP(limit: Double) throws {
    let expected = try probabilities(temperature: 1)
    var nucleus: Set<Int> = []
    var sum = 0.0
    for token in ranked(expected) where sum < limit {
      nucleus.insert(token)
      sum += expected[token]
    }
    let drawn = Set(try firstTokens(300) { ($0.temperature, $0.topP) = (1, limit) })
    #expect(drawn.isSubset(of: nucleus))
    #expect(drawn.isSuperset(of: nucleus.filter { expected[$0] / sum > 0.05 }))
  }

  @Test("The repetition penalty divides positive logits of tokens that occurred, and multiplies negative ones")
  func repetitionPenalty() throws {
    let penalty = 1.7
    var expected: [Int32] = []
    try withoutGrad {
      let cache = try KeyValueCache(for: model.configuration, capacity: 40)
      var pending = prompt
      for _ in 0..<12 {
        var scores = try model.nextTokenLogits(Tensor(pending.map(Int.init)), cache: cache).array(Float.self)
        for token in Set(prompt + expected).map(Int.init) {
          scores[token] = scores[token] < 0 ? scores[token] * Float(penalty) : scores[token] / Float(penalty)
        }
        let best = Int32(scores.indices.max { scores[$0] < scores[$1] } ?? 0)
        expected.append(best)
        pending = [best]
      }
    }
    let plain = try model.generate(prompt, options: .greedy(12))
    let penalized = try sample { $0.repetitionPenalty = penalty }
    #expect(penalized == expected)
    #expect(penalized != plain)
  }

  @Test("With it, tokens that occurred become rarer, whatever the sign of their logit")
  func repetitionFrequencies() throws {
    let seen = Set(prompt.map(Int.init))
    let expected = try probabilities(temperature: 4) { token, score in
      !seen.contains(token) ? score : score < 0 ? score * 30 : score / 30
    }
    let drawn = try firstTokens(600) { ($0.temperature, $0.repetitionPenalty) = (4, 30) }
    expect(drawn, asOftenAs: expected)
    let unlikely = seen.filter { expected[$0] < 1e-6 }
    #expect(!unlikely.isEmpty && unlikely.isDisjoint(with: drawn))
  }

  // MARK: - Drawing

  private func sample(seed: UInt64 = 42, _ change: (inout SamplingOptions) -> Void) throws -> [Int32] {
    var options = SamplingOptions.greedy(12)
    options.seed = seed
    change(&options)
    return try model.generate(prompt, options: options)
  }

  private func firstTokens(_ count: Int, _ change: (inout SamplingOptions) -> Void) throws -> [Int] {
    var options = SamplingOptions.greedy(1)
    change(&options)
    return try (0..<count).flatMap { seed in
      options.seed = UInt64(seed)
      return try model.generate(prompt, options: options).map(Int.init)
    }
  }

  private func probabilities(
    temperature: Double, changing change: (_ token: Int, _ score: Double) -> Double = { $1 }
  ) throws -> [Double] {
    try withoutGrad {
      let cache = try KeyValueCache(for: model.configuration, capacity: prompt.count)
      let logits = try model.nextTokenLogits(Tensor(prompt.map(Int.init)), cache: cache)
      let scores = try logits.to(.float64).array(Double.self).enumerated().map(change)
      return try Tensor(scores).divide(temperature).softmax(0).array(Double.self)
    }
  }

  /// Each token within five standard deviations of a binomial count.
  private func expect(
    _ tokens: [Int], asOftenAs probabilities: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var counts: [Int: Int] = [:]
    for token in tokens { counts[token, default: 0] += 1 }
    for (token, p) in probabilities.enumerated() {
      let mean = Double(tokens.count) * p
      let distance = abs(Double(counts[token] ?? 0) - mean)
      #expect(distance <= 5 * (mean * (1 - p)).squareRoot() + 1, "token \(token)", sourceLocation: sourceLocation)
    }
  }

  private func ranked(_ probabilities: [Double]) -> [Int] {
    probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }
  }
}
