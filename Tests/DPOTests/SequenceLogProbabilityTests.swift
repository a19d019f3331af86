import DPO
import MiniMind
import Preferences
import Testing
import Torch

@Suite("Packed trees against each side run alone")
struct SequenceLogProbabilityTests {
  static let seeds: [UInt64] = Array(1...12)

  @Test("log π of every side is the same within 1e-5", arguments: ["qwen3", "llama"], seeds)
  func values(type: String, seed: UInt64) throws {
    let model = try randomModel(type, seed: seed)
    let pairs = randomPairs(1 + Int(seed % 5), seed: seed) + pairsOfPrompts(Int(seed % 4) * 2, seed: seed)
    try withoutGrad {
      let expected = try model.sequenceLogProbabilities(of: pairs).array(Double.self)
      for sharesPrefix in [true, false] {
        let batch = try DeviceBatch(TreeBatch(pairs, sharesPrefix: sharesPrefix))
        let found = try model.sequenceLogProbabilities(batch)
        #expect(found.dtype == .float64)
        for (found, expected) in zip(try found.array(Double.self), expected) {
          #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)))
        }
      }
    }
  }

  @Test("So are the gradients of any weighted sum of them", arguments: ["qwen3", "llama"], seeds)
  func gradients(type: String, seed: UInt64) throws {
    let model = try randomModel(type, seed: seed)
    let pairs = randomPairs(1 + Int(seed % 5), seed: seed) + pairsOfPrompts(Int(seed % 4) * 2, seed: seed)
    let weights = try Tensor.empty([2 * pairs.count], dtype: .float64)
    try weights.fillNormal(from: Generator(seed: seed))
    let expected = try model.gradient { try model.sequenceLogProbabilities(of: pairs).multiply(weights).sum() }
    for sharesPrefix in [true, false] {
      let batch = try DeviceBatch(TreeBatch(pairs, sharesPrefix: sharesPrefix))
      let found = try model.gradient { try model.sequenceLogProbabilities(batch).multiply(weights).sum() }
      #expect(try relativeDifference(found, expected) < 1e-5)
    }
  }

  @Test("The loss and its gradient are the same with and without sharing prefixes, within 1e-5", arguments: seeds)
  func sharing(seed: UInt64) throws {
    let (policy, reference) = (try randomModel(seed: seed), try randomModel(seed: seed + 100))
    let pairs = randomPairs(3, seed: seed) + pairsOfPrompts(6, seed: seed)
    var losses: [Double] = []
    var gradients: [Tensor] = []
    for sharesPrefix in [true, false] {
      let batch = try DeviceBatch(TreeBatch(pairs, sharesPrefix: sharesPrefix))
      let baseline = try withoutGrad { try reference.sequenceLogProbabilities(batch) }
      gradients.append(
        try policy.gradient {
          let result = try PreferenceLoss()(
            PairScores(policy: policy.sideScores(batch), reference: baseline, lengths: batch.targetCounts))
          let loss = try result.losses.mean()
          losses.append(try loss.item())
          return loss
        })
    }
    #expect(abs(losses[0] - losses[1]) <= 1e-5 * losses[1])
    #expect(try relativeDifference(gradients[0], gradients[1]) < 1e-5)
    let norms = try gradients.map { try $0.norm().item() }
    #expect(abs(norms[0] - norms[1]) <= 1e-5 * norms[1])
  }

  @Test("A side's number does not depend on what else is in the batch")
  func neighbours() throws {
    let model = try randomModel()
    let pairs = randomPairs(8, seed: 3)
    try withoutGrad {
      let together = try model.sequenceLogProbabilities(DeviceBatch(TreeBatch(pairs))).array(Double.self)
      for (number, pair) in pairs.enumerated() {
        let alone = try model.sequenceLogProbabilities(DeviceBatch(TreeBatch([pair]))).array(Double.self)
        #expect(abs(alone[0] - together[number]) <= 1e-5 * max(1, abs(alone[0])))
        #expect(abs(alone[1] - together[8 + number]) <= 1e-5 * max(1, abs(alone[1])))
      }
    }
  }

  @Test("A batch knows its pairs, its input tokens, and the targets of each side")
  func counts() throws {
    let pairs = randomPairs(4, seed: 9)
    let packed = TreeBatch(pairs)
    let batch = try DeviceBatch(packed)
    #expect(batch.pairCount == 4)
    #expect(batch.tokenCount == packed.tokens.count)
    let expected = pairs.map(\.chosenTargets) + pairs.map(\.rejectedTargets)
    #expect(try batch.targetCounts.array(Float.self) == expected.map { Float($0.filter(\.self).count) })
  }

  @Test("Pairs that share a prompt run fewer tokens to the same numbers, by a plan too", arguments: seeds)
  func sharedPrompts(seed: UInt64) throws {
    let model = try randomModel(seed: seed)
    let pairs = pairsOfPrompts(8, seed: seed)
    let weights = try Tensor.empty([2 * pairs.count], dtype: .float64)
    try weights.fillNormal(from: Generator(seed: seed))
    let apart = TreeBatch(pairs, sharesPrompts: false)
    var scores: [[Double]] = []
    func gradient(_ batch: DeviceBatch) throws -> Tensor {
      try model.gradient {
        let all = try model.sequenceLogProbabilities(batch)
        scores.append(try all.detached().array(Double.self))
        return try all.multiply(weights).sum()
      }
    }
    let expected = try gradient(DeviceBatch(apart))
    let together = TreeBatch(pairs)
    #expect(together.tokens.count < apart.tokens.count)
    for plansAttention in [false, true] {
      let found = try gradient(DeviceBatch(together, plansAttention: plansAttention))
      #expect(try relativeDifference(found, expected) < 1e-5)
      for (found, expected) in zip(scores[scores.count - 1], scores[0]) {
        #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)))
      }
    }
  }
}
