import Foundation
import MiniMind
import ModelFixtures
import OrderedJSON
import Testing
import Torch

/// The numerics contract at the size that users have: 63.9 million weights and 1,024 tokens.
@Suite("A 64 M model over 1,024 tokens, as `transformers` computes it (Tools/reference/real_size.py)", .serialized)
struct RealSizeTests {
  private let golden: JSON
  private let model: CausalLM
  private let tokens: [Int]

  init() throws {
    let golden = try JSON(parsing: Data(contentsOf: goldens().appendingPathComponent("real_size.json")))
    func integer(_ name: String) throws -> Int { try #require(golden[name]?.int) }
    self.golden = golden
    model = try HashedWeights.miniMind3(seed: UInt64(integer("weights_seed")))
    tokens = HashedWeights.tokens(
      try integer("tokens"), vocabulary: model.configuration.vocabularySize, seed: UInt64(try integer("tokens_seed")))
  }

  @Test("The hashed weights are those of the reference, bit for bit")
  func weights() throws {
    let expected = try #require(golden["weights"]?.object)
    #expect(model.namedParameters.map(\.name) == Array(expected.keys))
    for (name, parameter) in model.namedParameters {
      let values = try parameter.value.detached().array(Float.self)
      let elements = try #require(expected[name]?["elements"]?.array).compactMap(\.double).map(Float.init)
      #expect([values[0], values[values.count / 2], values[values.count - 1]] == elements, "\(name)")
      let sum = try #require(expected[name]?["sum"]?.double)
      #expect(abs(values.reduce(0) { $0 + Double($1) } - sum) <= 1e-9 * Double(values.count), "\(name)")
    }
  }

  @Test("Logits are within 1e-4")
  func logits() throws {
    let logits = try withoutGrad { try model.logits(of: [tokens]) }
    let rows = try logits.size(1)
    let values = try logits.array(Float.self)
    for expected in try #require(golden["logits"]?.array) {
      let (position, token) = (try #require(expected["position"]?.int), try #require(expected["token"]?.int))
      let value = try #require(expected["value"]?.double)
      #expect(abs(Double(values[position * rows + token]) - value) < 1e-4, "token \(token) after \(position)")
    }
    for expected in try #require(golden["logit_sums"]?.array) {
      let position = try #require(expected["position"]?.int)
      let row = values[position * rows..<(position + 1) * rows].map(Double.init)
      let sum = try #require(expected["sum"]?.double)
      #expect(abs(row.reduce(0, +) - sum) < 1e-4 * Double(rows), "position \(position)")
      let squares = try #require(expected["sum_of_squares"]?.double)
      #expect(abs(row.reduce(0) { $0 + $1 * $1 } - squares) < 1e-4 * squares, "position \(position)")
    }
  }

  @Test("Log-probabilities of next tokens are within 1e-4, and their sum within 1e-6 of itself")
  func logProbabilities() throws {
    let computed = try withoutGrad { try model.nextTokenLogProbabilities(of: [tokens]) }
    let found = try computed.array(Float.self).map { Double($0) }
    let expected = try #require(golden["logprobs"]?.array).compactMap(\.double)
    #expect(found.count == tokens.count - 1)
    #expect(expected.count == (found.count + 15) / 16)
    for (index, value) in expected.enumerated() {
      #expect(abs(found[16 * index] - value) < 1e-4, "position \(16 * index)")
    }
    let sum = try #require(golden["logprob_sum"]?.double)
    #expect(abs(found.reduce(0, +) - sum) < 1e-6 * abs(sum))
  }
}
