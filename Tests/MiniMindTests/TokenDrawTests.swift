import Foundation
import MiniMind
import ModelFixtures
import Testing

@Suite("The draw of a token")
struct TokenDrawTests {
  @Test("The numbers are those of the formula, computed by Python")
  func numbers() {
    let expected: [(UInt64, Int, Int, [Double])] = [
      (42, 0, 0, [0.2872325368713323, 0.4714949768979444, 0.8603069042552499]),
      (42, 0, 1, [0.41712886379362046, 0.8627753033923742, 0.3197024953055696]),
      (42, 1, 0, [0.9924957936296854, 0.8571421084048786, 0.9872957134088487]),
      (0, 7, 3, [0.22598179788260053, 0.11606604679681898, 0.5778595762104958]),
    ]
    for (seed, prompt, sample, numbers) in expected {
      var drawn = DrawnNumbers(seed: seed, prompt: prompt, sample: sample)
      #expect(numbers.map { _ in drawn.next() } == numbers)
    }
  }

  @Test("Every token has the part of the line that its probability says, in the order of ids")
  func places() {
    let probabilities: [Float] = [0.125, 0, 0.5, 0.25, 0, 0.125]
    let draw = TokenDraw()
    let expected: [(Double, Int)] = [
      (0, 0), (0.1249, 0), (0.125, 2), (0.6249, 2), (0.625, 3), (0.8749, 3), (0.875, 5), (0.999999, 5),
    ]
    for (number, token) in expected { #expect(token == choose(draw, probabilities, number)) }
    // Rounding left the sum below the number: the last that can be drawn.
    #expect(choose(draw, [0.5, 0.4, 0], 0.95) == 1)
  }

  @Test("top-k and top-p leave the tokens that sorting all of them leaves", arguments: [3.0, 20.0])
  func kept(steepness: Double) {
    // Some are equal.
    let ids = HashedWeights.tokens(400, vocabulary: 300, seed: 9)
    let weights = ids.map { exp(-steepness * Double($0) / 300) }
    let probabilities = weights.map { Float($0 / weights.reduce(0, +)) }
    let sorted = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
    for topK in [nil, 1, 2, 7, 150, 399, 400, 5000] {
      for topP in [1e-9, 0.1, 0.5, 0.95, 0.9999, 1] {
        var left = Array(sorted.prefix(topK ?? .max))
        let whole = topK == nil ? 1 : left.reduce(0) { $0 + Double(probabilities[$1]) }
        if topP < 1 {
          var before = 0.0
          left = Array(
            left.prefix { token in
              defer { before += Double(probabilities[token]) }
              return before == 0 || before < topP * whole
            })
        }
        let sum = left.reduce(0) { $0 + Double(probabilities[$1]) }
        let draw = TokenDraw(topP: topP, topK: topK)
        let numbers = (0..<2000).map { Double($0) / 2000 }
        let drawn = Set(numbers.map { choose(draw, probabilities, $0) })
        #expect(drawn.isSubset(of: left), "top-k \(String(describing: topK)), top-p \(topP)")
        #expect(drawn.isSuperset(of: left.filter { Double(probabilities[$0]) / sum > 2.0 / 2000 }))
      }
    }
  }

  private func choose(_ draw: TokenDraw, _ probabilities: [Float], _ number: Double) -> Int {
    probabilities.withUnsafeBufferPointer { draw.token(from: $0[...], at: number) }
  }
}
