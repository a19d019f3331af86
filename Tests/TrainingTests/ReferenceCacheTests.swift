import DPO
import Foundation
import MiniMind
import Preferences
import Synchronization
import Testing
import Torch
import Training

@Suite("The reference's log-probabilities on disk")
struct ReferenceCacheTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func cache(_ name: String = "cache", limit: Int = 1 << 30) -> ReferenceCache {
    ReferenceCache(folder: scratch.file(name), program: "these tests", limit: limit)
  }

  private func names(_ name: String = "cache") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: scratch.file(name).path)) ?? []).sorted()
  }

  /// What a process that starts with nothing finds and computes.
  private func prepare(
    _ pairs: [TokenizedPair], seed: UInt64 = 1, cache: ReferenceCache?,
    _ change: (inout TrainingOptions) -> Void = { _ in }, report: @escaping (ReferenceCache.Event) -> Void = { _ in }
  ) throws -> (reference: ReferenceModel, outcome: ReferencePreparation) {
    var options = TrainingOptions()
    change(&options)
    let reference = ReferenceModel(try smallModel(seed: seed), pairs: pairs)
    return (reference, try reference.prepare(pairs, options: options, cache: cache, report: report))
  }

  private func values(_ reference: ReferenceModel, _ pairs: [TokenizedPair]) throws -> [[Double]] {
    try pairs.map { try reference.values(of: $0) }
  }

  @Test("A second run of the same data computes nothing and takes the same steps, bit by bit")
  func secondRun() throws {
    let pairs = smallPairs(20)
    func run(_ cache: ReferenceCache?) throws -> (outcome: ReferencePreparation, weights: [UInt32]) {
      let trainer = try smallTrainer(pairs) { ($0.epochs, $0.cachesReference) = (2, true) }
      let outcome = try trainer.prepareReference(cache: cache)
      try trainer.steps()
      return (outcome, try trainer.policy.bits)
    }
    let without = try run(nil)
    let first = try run(cache())
    let second = try run(cache())
    #expect((first.outcome.pairs, first.outcome.found, first.outcome.computed) == (20, 0, 20))
    #expect((second.outcome.pairs, second.outcome.found, second.outcome.computed) == (20, 20, 0))
    #expect(first.weights == without.weights)
    #expect(second.weights == first.weights)
    #expect(names().count == 1)
  }

  @Test("Parts of the data, more data and data in another order reuse what is known, and only that")
  func partsAndMore() throws {
    let pairs = smallPairs(24)
    let first = try prepare(Array(pairs[4..<16]), cache: cache())
    #expect((first.outcome.found, first.outcome.computed) == (0, 12))
    let part = try prepare(Array(pairs[6..<10]), cache: cache())
    #expect((part.outcome.found, part.outcome.computed) == (4, 0))
    // In another order, and under other indices.
    let all = pairs.reversed().enumerated().map { place, pair in
      var pair = pair
      pair.index = place
      return pair
    }
    let more = try prepare(all, cache: cache())
    #expect((more.outcome.found, more.outcome.computed) == (12, 12))
    #expect(try values(more.reference, Array(all[8..<20].reversed())) == values(first.reference, Array(pairs[4..<16])))
    let alone = ReferenceModel(try smallModel())
    for pair in all {
      for (found, expected) in zip(try more.reference.values(of: pair), try alone.values(of: pair)) {
        #expect(isClose(found, expected, within: 1e-5))
      }
    }
    #expect(try prepare(all, cache: cache()).outcome.found == 24)
  }

  @Test("Other weights, targets, words for how it is computed, and another program find nothing")
  func others() throws {
    let pairs = smallPairs(6)
    _ = try prepare(pairs, cache: cache())
    #expect(try prepare(pairs, seed: 2, cache: cache()).outcome.found == 0)
    #expect(try prepare(pairs, cache: cache()) { $0.sharesPrefix = false }.outcome.found == 0)
    #expect(try prepare(pairs, cache: cache()) { $0.referenceVariant = "ld-alpha 0.5" }.outcome.found == 0)
    let other = ReferenceCache(folder: scratch.file("cache"), program: "another")
    #expect(try prepare(pairs, cache: other).outcome.found == 0)
    var changed = pairs
    changed[2].rejectedTargets[changed[2].rejectedTargets.count - 1] = false
    changed[4].chosenIDs[0] = (changed[4].chosenIDs[0] + 1) % 64
    changed[4].rejectedIDs[0] = changed[4].chosenIDs[0]
    #expect(try prepare(changed, cache: cache()).outcome.found == 4)
    #expect(names().count == 5)
  }

  @Test("A pair that is there twice is computed once, also where two ranks have it", arguments: [1, 2, 3])
  func twice(size: Int) throws {
    let pairs = smallPairs(9) + smallPairs(9).map { TokenizedPair($0, index: $0.index + 9) }
    let location = scratch.file("ranks")
    let expected = try values(prepare(smallPairs(9), cache: nil).reference, smallPairs(9))
    for isSecond in [false, true] {
      let outcomes = try asRanks(size) { ranks in
        let reference = ReferenceModel(try smallModel(), pairs: pairs)
        let outcome = try reference.prepare(
          pairs, options: TrainingOptions(), ranks: ranks,
          cache: ReferenceCache(folder: location, program: "these tests"))
        return (outcome, try pairs.map { try reference.values(of: $0) })
      }
      for (outcome, values) in outcomes {
        #expect((outcome.pairs, outcome.found) == (9, isSecond ? 9 : 0))
        #expect(outcome.computed == (isSecond ? 0 : 9))
        #expect(values == outcomes[0].1)
        for (found, expected) in zip(values, expected + expected) {
          for (found, expected) in zip(found, expected) { #expect(isClose(found, expected, within: 1e-5)) }
        }
      }
    }
  }

  @Test("A file that is cut off, changed or another's is noticed, removed, said and made again")
  func damage() throws {
    let pairs = smallPairs(5)
    let expected = try values(prepare(pairs, cache: cache()).reference, pairs)
    let file = scratch.file("cache/" + (try #require(names().first)))
    let whole = try Data(contentsOf: file)
    var damages = [Data(), whole + Data([0])] + [8, 79, 80, 100, whole.count - 1].map { whole.prefix($0) }
    for place in stride(from: 0, to: whole.count, by: 3) {
      var flipped = whole
      flipped[place] ^= 1 << (place % 8)
      damages.append(flipped)
    }
    _ = try prepare(pairs, seed: 2, cache: cache("other"))
    damages.append(try Data(contentsOf: scratch.file("other/" + (try #require(names("other").first)))))
    for damaged in damages {
      try damaged.write(to: file)
      var reasons: [String] = []
      let again = try prepare(
        pairs, cache: cache(),
        report: {
          if case .damaged(let name, let reason) = $0 { reasons += name == file.path ? [reason] : [] }
        })
      #expect(reasons.count == 1)
      #expect((again.outcome.found, again.outcome.computed) == (0, 5))
      #expect(try values(again.reference, pairs) == expected)
      #expect(try Data(contentsOf: file) == whole)
    }
  }

  @Test("A cache that cannot be written, or has no room, is said, and no error")
  func notKept() throws {
    try Data().write(to: scratch.file("in-the-way"))
    for (cache, reason) in [(cache("in-the-way/cache"), "in-the-way"), (cache(limit: 100), "more than")] {
      var reasons: [String] = []
      let outcome = try prepare(
        smallPairs(4), cache: cache,
        report: { if case .notKept(let reason) = $0 { reasons.append(reason) } }
      ).outcome
      #expect(outcome.isComplete && outcome.computed == 4)
      #expect(reasons.count == 1 && reasons[0].contains(reason))
    }
    #expect(names().isEmpty)
  }

  @Test("Files that were not used for longest go where there is no room for all")
  func limit() throws {
    // Room for the header and four pairs of three models.
    let limited = cache(limit: 3 * (88 + 4 * 32))
    var byModel: [String] = []
    for seed in 1...3 {
      _ = try prepare(smallPairs(4), seed: UInt64(seed), cache: limited)
      byModel += Set(names()).subtracting(byModel)
    }
    let day = 86_400.0
    for (age, name) in zip([2.0, 3.0, 1.0], byModel) {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -age * day)], ofItemAtPath: scratch.file("cache/" + name).path)
    }
    // Reading counts as use.
    #expect(try prepare(smallPairs(4), seed: 2, cache: limited).outcome.found == 4)
    _ = try prepare(smallPairs(4), seed: 4, cache: limited)
    #expect(names().count == 3)
    #expect(!names().contains(byModel[0]))
    #expect(names().contains(byModel[1]))
  }

  @Test("Several writers at once lose nothing of each other")
  func writers() throws {
    let pairs = smallPairs(40)
    let location = scratch.file("cache")
    let parts = Mutex(0)
    let threads = (0..<8).map { number in
      Thread {
        let own = Array(pairs[5 * number..<5 * number + 5])
        let reference = (try? smallModel()).map { ReferenceModel($0, pairs: own) }
        let cache = ReferenceCache(folder: location, program: "these tests")
        let outcome = try? reference?.prepare(own, options: TrainingOptions(), cache: cache)
        parts.withLock { $0 += outcome.map { _ in 1 } ?? 100 }
      }
    }
    for thread in threads {
      thread.stackSize = 8 << 20
      thread.start()
    }
    while parts.withLock({ $0 < 8 }) { usleep(1000) }
    #expect(try prepare(pairs, cache: cache()).outcome.found == 40)
    #expect(names().count == 1)
  }

  @Test("A run that is resumed has the bits of an unbroken one, whatever others put on disk meanwhile")
  func resumed() throws {
    let pairs = smallPairs(23)
    func trainer() throws -> Trainer {
      try smallTrainer(pairs) { ($0.epochs, $0.cachesReference, $0.perDeviceBatchSize) = (2, true, 2) }
    }
    // A part is on disk when the run begins.
    _ = try prepare(Array(pairs[..<7]), cache: cache()) { $0.perDeviceBatchSize = 3 }
    try FileManager.default.copyItem(at: scratch.file("cache"), to: scratch.file("unbroken"))
    let unbroken = try trainer()
    let outcome = try unbroken.prepareReference(cache: cache("unbroken"))
    #expect((outcome.found, outcome.computed) == (7, 16))
    try unbroken.steps()

    let stopped = try trainer()
    var asked = 0
    let partly = try stopped.prepareReference(
      cache: cache(),
      stops: {
        asked += 1
        return asked == 4
      })
    #expect(!partly.isComplete && partly.found == 7 && partly.computed > 0)
    let checkpoint = scratch.file("checkpoint-0")
    try RunCheckpoint.write(stopped, interval: IntervalReport(), tokenizer: nil, identity: [:], to: checkpoint)
    // Another run computes the rest in other company, so that some of its last bits differ.
    let others = try prepare(pairs, cache: cache()) { $0.perDeviceBatchSize = 23 }
    #expect(others.outcome.found == 7 + partly.computed)

    let resumed = try trainer()
    _ = try RunCheckpoint.restore(resumed, from: checkpoint, identity: [:])
    let rest = try resumed.prepareReference(cache: cache())
    #expect((rest.found, rest.computed) == (0, 16 - partly.computed))
    try resumed.steps()
    #expect(try resumed.policy.bits == unbroken.policy.bits)
  }
}

extension ReferenceModel {
  /// log π_ref of both sides of a pair, chosen first.
  fileprivate func values(of pair: TokenizedPair) throws -> [Double] {
    let batch = try DeviceBatch(TreeBatch([pair], sharesPrefix: true), device: .cpu)
    return try logProbabilities(batch, of: [pair.index]).array(Double.self)
  }
}

extension TokenizedPair {
  /// The same pair under another index.
  fileprivate init(_ pair: TokenizedPair, index: Int) {
    self = pair
    self.index = index
  }
}
