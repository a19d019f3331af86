import Preferences
import Testing

@Suite("Which pairs each step learns from")
struct BatchPlanTests {
  @Test(
    "Each epoch takes every pair once, its last step those that are left",
    arguments: [(12, 4), (13, 4), (3, 8), (1, 1)])
  func epochs(pairCount: Int, batch: Int) {
    let plan = BatchPlan(pairCount: pairCount, globalBatchSize: batch, epochs: 3, seed: 7)
    #expect(plan.stepsPerEpoch == (pairCount + batch - 1) / batch)
    #expect(plan.totalSteps == 3 * plan.stepsPerEpoch)
    for epoch in 0..<3 {
      let steps = (1...plan.stepsPerEpoch).map { plan.pairs(ofStep: epoch * plan.stepsPerEpoch + $0) }
      #expect(steps.dropLast().allSatisfy { $0.count == batch })
      #expect(steps.last?.count == pairCount - (plan.stepsPerEpoch - 1) * batch)
      #expect(steps.flatMap(\.self).sorted() == Array(0..<pairCount))
      #expect(steps.flatMap(\.self) == permutation(count: pairCount, seed: 7, epoch: epoch))
    }
  }

  @Test func `Epochs and seeds come in orders of their own, and the same again`() {
    func order(seed: UInt64, epoch: Int) -> [Int] {
      let plan = BatchPlan(pairCount: 40, globalBatchSize: 8, epochs: 2, seed: seed)
      return (1...5).flatMap { plan.pairs(ofStep: 5 * epoch + $0) }
    }
    let all = [order(seed: 1, epoch: 0), order(seed: 1, epoch: 1), order(seed: 2, epoch: 0), order(seed: 2, epoch: 1)]
    #expect(Set(all).count == 4)
    #expect(order(seed: 1, epoch: 1) == all[1])
  }

  @Test func `The order does not depend on how large a step is`() {
    func order(_ batch: Int) -> [Int] {
      let plan = BatchPlan(pairCount: 30, globalBatchSize: batch, epochs: 1, seed: 3)
      return (1...plan.totalSteps).flatMap(plan.pairs(ofStep:))
    }
    #expect(order(1) == order(7))
    #expect(order(7) == order(64))
  }

  @Test func `Without shuffling, pairs come in file order in every epoch`() {
    let plan = BatchPlan(pairCount: 5, globalBatchSize: 2, epochs: 2, shuffles: false, seed: 0)
    #expect((1...6).map(plan.pairs(ofStep:)) == [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]])
  }

  @Test func `A number of steps goes before epochs, and parts of an epoch are rounded up to steps`() {
    func steps(epochs: Double, maxSteps: Int? = nil) -> Int {
      BatchPlan(pairCount: 10, globalBatchSize: 4, epochs: epochs, maxSteps: maxSteps, seed: 0).totalSteps
    }
    #expect(steps(epochs: 1) == 3)
    #expect(steps(epochs: 0.5) == 2)
    #expect(steps(epochs: 0.01) == 1)
    #expect(steps(epochs: 2.5) == 8)
    #expect(steps(epochs: 2, maxSteps: 7) == 7)
    #expect(steps(epochs: 2, maxSteps: 1) == 1)
  }

  @Test func `Passes over the pairs are counted by pairs, whole ones as whole numbers`() {
    let plan = BatchPlan(pairCount: 10, globalBatchSize: 4, epochs: 2, seed: 0)
    #expect((0...6).map(plan.epoch(afterStep:)) == [0, 0.4, 0.8, 1, 1.4, 1.8, 2])
  }
}
