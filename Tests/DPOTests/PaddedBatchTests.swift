import DPO
import MiniMind
import Preferences
import Testing
import Torch

@Suite("Micro-batches padded to a capacity")
struct PaddedBatchTests {
  static let seeds: [UInt64] = Array(1...8)

  /// As small as can be, with a little room in odd places, and the bucket.
  private func capacities(for batch: TreeBatch) -> [BatchCapacity] {
    let longest = batch.trees.map(\.longestSide).max() ?? 0
    let branches = batch.trees.map { $0.branches.count - 1 }.max() ?? 0
    func capacity(tokens: Int, pairs: Int, predictions: Int, longest: Int) -> BatchCapacity {
      let (tokens, predictions) = (batch.tokens.count + tokens, batch.predictions.count + predictions)
      return BatchCapacity(
        tokens: tokens, pairs: batch.pairCount + pairs, predictions: predictions, longest: longest,
        terms: max(2 * predictions, batch.terms.count), keyRows: (1 + max(1, branches)) * tokens,
        furtherBranches: max(1, branches))
    }
    return [
      capacity(tokens: 0, pairs: 0, predictions: 0, longest: longest),
      capacity(tokens: 1, pairs: 1, predictions: 1, longest: longest),
      capacity(tokens: 300, pairs: 2, predictions: 401, longest: max(longest, 128)),
      BatchBuckets(longestSide: 30, mostPairs: 12).capacity(for: batch),
    ]
  }

  /// The real sides of a result, chosen sides first.
  private func sides(_ scores: Tensor, _ batch: DeviceBatch) throws -> Tensor {
    try Tensor.concatenate([
      scores.narrow(0, 0, batch.pairCount), scores.narrow(0, batch.pairCapacity, batch.pairCount),
    ])
  }

  @Test("log π and all gradients are those of the batch as it is", arguments: seeds, [true, false])
  func sameNumbers(seed: UInt64, plansAttention: Bool) throws {
    let model = try randomModel(seed: seed)
    let pairs = randomPairs(1 + Int(seed % 5), seed: seed) + pairsOfPrompts(Int(seed % 3) * 3, seed: seed)
    let weights = try Tensor.empty([2 * pairs.count], dtype: .float64)
    try weights.fillNormal(from: Generator(seed: seed))
    for sharesPrefix in [true, false] {
      let packed = TreeBatch(pairs, sharesPrefix: sharesPrefix)
      var expected: [Double] = []
      let exact = try DeviceBatch(packed)
      let expectedGradient = try model.gradient {
        let scores = try model.sequenceLogProbabilities(exact)
        expected = try scores.detached().array(Double.self)
        return try scores.multiply(weights).sum()
      }
      for capacity in capacities(for: packed) {
        let batch = try DeviceBatch(packed, capacity: capacity, plansAttention: plansAttention)
        #expect(batch.pairCount == pairs.count && batch.tokenCount == packed.tokens.count)
        #expect(batch.pairCapacity == capacity.pairs)
        let gradient = try model.gradient {
          let all = try model.sequenceLogProbabilities(batch)
          #expect(all.shape == [2 * capacity.pairs])
          let scores = try sides(all, batch)
          for (found, expected) in zip(try scores.detached().array(Double.self), expected) {
            #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)))
          }
          // Sides that pad are exactly 0, and whatever is made of them changes nothing.
          #expect(try all.detached().abs().sum().item() == scores.detached().abs().sum().item())
          return try scores.multiply(weights).sum().add(all.sum().subtract(scores.sum()).multiply(1e6))
        }
        #expect(try relativeDifference(gradient, expectedGradient) < 1e-5)
        #expect(try sides(batch.targetCounts, batch).equal(exact.targetCounts).all().item() == 1)
      }
    }
  }

  @Test("The weighted loss is that of the pairs alone", arguments: seeds)
  func loss(seed: UInt64) throws {
    let (policy, reference) = (try randomModel(seed: seed), try randomModel(seed: seed + 50))
    let packed = TreeBatch(randomPairs(3, seed: seed))
    var losses: [Double] = []
    var gradients: [Tensor] = []
    for batch in [
      try DeviceBatch(packed),
      try DeviceBatch(packed, capacity: BatchBuckets(longestSide: 30, mostPairs: 8).capacity(for: packed)),
    ] {
      let baseline = try withoutGrad { try reference.sequenceLogProbabilities(batch) }
      gradients.append(
        try policy.gradient {
          let result = try PreferenceLoss()(
            PairScores(
              policy: policy.sideScores(batch), reference: baseline, lengths: batch.targetCounts,
              weights: batch.pairWeights))
          let loss = try result.losses.multiply(batch.pairWeights).sum()
          losses.append(try loss.item())
          return loss
        })
    }
    #expect(abs(losses[0] - losses[1]) <= 1e-5 * losses[0])
    #expect(try relativeDifference(gradients[1], gradients[0]) < 1e-5)
  }

  @Test("Filled again it is a batch that was just made, bit by bit", arguments: seeds, [true, false])
  func refilled(seed: UInt64, plansAttention: Bool) throws {
    let model = try randomModel(seed: seed)
    let capacity = BatchCapacity(tokens: 512, pairs: 6, predictions: 200, longest: 128)
    var batch = try DeviceBatch(
      TreeBatch(randomPairs(6, seed: seed + 100)), capacity: capacity, plansAttention: plansAttention)
    for round in 0..<3 as Range<UInt64> {
      let pairs = TreeBatch(randomPairs(1 + Int((seed + round) % 6), seed: seed + 7 * round), sharesPrefix: round != 1)
      try batch.update(pairs)
      let fresh = try DeviceBatch(pairs, capacity: capacity, plansAttention: plansAttention)
      var values: [[Double]] = []
      let gradients = try [batch, fresh].map { batch in
        try model.gradient {
          let scores = try model.sequenceLogProbabilities(batch)
          values.append(try scores.detached().array(Double.self))
          return try scores.sum()
        }
      }
      #expect(values[0] == values[1])
      #expect(try gradients[0].array(Float.self) == gradients[1].array(Float.self))
      #expect(batch.pairCount == fresh.pairCount && batch.tokenCount == fresh.tokenCount)
      #expect(try batch.pairWeights.array(Float.self) == fresh.pairWeights.array(Float.self))
      #expect(try batch.targetCounts.array(Float.self) == fresh.targetCounts.array(Float.self))
    }
  }

  @Test("A model whose layers run again gives the same by a plan", arguments: ["qwen3", "llama"])
  func recomputed(type: String) throws {
    let model = try randomModel(type, seed: 3)
    let batch = try DeviceBatch(TreeBatch(randomPairs(5, seed: 3)), plansAttention: true)
    let gradients = try [false, true].map { recomputes in
      model.recomputesLayers = recomputes
      return try model.gradient { try model.sequenceLogProbabilities(batch).sum() }.array(Float.self)
    }
    #expect(gradients[0] == gradients[1])
  }

  @Test("What exceeds the capacity is refused with both numbers, and the batch stays as it was")
  func refusals() throws {
    let model = try randomModel()
    let packed = TreeBatch(randomPairs(2, seed: 4))
    let capacity = BatchBuckets(longestSide: 30, mostPairs: 2).capacity(for: packed)
    var batch = try DeviceBatch(packed, capacity: capacity)
    let before = try withoutGrad { try model.sequenceLogProbabilities(batch).array(Double.self) }
    let error = #expect(throws: TorchError.self) { try batch.update(TreeBatch(randomPairs(3, seed: 4))) }
    #expect(error?.reason.contains("3 pairs does not fit a capacity of 2") == true)
    #expect(try withoutGrad { try model.sequenceLogProbabilities(batch).array(Double.self) } == before)
    var exact = try DeviceBatch(packed)
    #expect(throws: TorchError.self) { try exact.update(packed) }
  }
}
