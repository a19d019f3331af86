import Preferences
import Testing

@Suite("Packing pairs into trees")
struct TreeBatchTests {
  @Test("A prefix is stored once, and its targets count for both sides")
  func sharedTargets() {
    let batch = TreeBatch([
      pair(9, chosen: "1 2* 3 4* 5*", rejected: "1 2* 3 6*", prefix: 3)
    ])
    #expect(batch.pairIndices == [9])
    #expect(batch.tokens == [1, 2, 3, 4])
    #expect(batch.positions == [0, 1, 2, 3])
    #expect(batch.trees == [TreeBatch.Tree(prefix: 3, branches: [1, 0])])
    #expect(batch.predictors == [0, 2, 3, 2])
    #expect(batch.targets == [2, 4, 5, 6])
    #expect(batch.terms == [0, 0, 1, 2, 3])
    #expect(batch.sides == [0, 1, 0, 0, 1])
    #expect(batch.targetCounts == [3, 2])
  }

  @Test("Trees follow each other; sides are numbered chosen ones first")
  func severalPairs() {
    let batch = TreeBatch([
      pair(0, chosen: "1 2* 3*", rejected: "1 4* 5* 6*", prefix: 1),
      pair(1, chosen: "7 8 9*", rejected: "7 8 10*", prefix: 2),
    ])
    #expect(batch.tokens == [1, 2, 4, 5, 7, 8])
    #expect(batch.positions == [0, 1, 1, 2, 0, 1])
    #expect(
      batch.trees == [
        TreeBatch.Tree(prefix: 1, branches: [1, 2]), TreeBatch.Tree(prefix: 2, branches: [0, 0]),
      ])
    #expect(batch.predictors == [0, 1, 0, 2, 3, 5, 5])
    #expect(batch.targets == [2, 3, 4, 5, 6, 9, 10])
    #expect(batch.terms == Array(0..<7))
    #expect(batch.sides == [0, 0, 2, 2, 2, 1, 3])
    #expect(batch.targetCounts == [2, 1, 3, 1])
  }

  @Test("A tail may be empty on either side")
  func emptyTails() {
    let longer = "1 2* 3 4*"
    let shorter = "1 2* 3"
    let tree = TreeBatch([pair(0, chosen: longer, rejected: shorter, prefix: 3)])
    #expect(tree.tokens == [1, 2, 3])
    #expect(tree.trees == [TreeBatch.Tree(prefix: 3, branches: [0, 0])])
    #expect(tree.predictors == [0, 2])
    #expect(tree.terms == [0, 0, 1])
    #expect(tree.sides == [0, 1, 0])

    let turned = TreeBatch([pair(0, chosen: shorter, rejected: longer, prefix: 3)])
    #expect(turned.tokens == tree.tokens)
    #expect(turned.trees == tree.trees)
    #expect(turned.sides == [0, 1, 1])
    #expect(turned.targetCounts == [1, 2])
  }

  @Test("Of a prefix only what leads to a target runs")
  func longPrefix() {
    let batch = TreeBatch([pair(0, chosen: "1 2* 3 4 5 6", rejected: "1 2* 3 4 5 7 8", prefix: 5)])
    #expect(batch.tokens == [1])
    #expect(batch.trees == [TreeBatch.Tree(prefix: 1, branches: [0, 0])])
    #expect(batch.predictors == [0])
    #expect(batch.targets == [2])
    #expect(batch.sides == [0, 1])
  }

  @Test("Without a shared prefix the sides stand beside each other")
  func noPrefix() {
    let batch = TreeBatch([pair(0, chosen: "1 2* 3*", rejected: "4 5* 6", prefix: 0)])
    #expect(batch.tokens == [1, 2, 4])
    #expect(batch.positions == [0, 1, 0])
    #expect(batch.trees == [TreeBatch.Tree(prefix: 0, branches: [2, 1])])
    #expect(batch.predictors == [0, 1, 2])
    #expect(batch.targets == [2, 3, 5])
    #expect(batch.sides == [0, 0, 1])
  }

  @Test("Without sharing each side is a tree of its own, in the order of the pairs")
  func unshared() {
    let batch = TreeBatch(
      [
        pair(0, chosen: "1 2* 3*", rejected: "1 4* 5", prefix: 1), pair(1, chosen: "6 7*", rejected: "6 8*", prefix: 1),
      ],
      sharesPrefix: false)
    #expect(batch.tokens == [1, 2, 1, 6, 6])
    #expect(batch.positions == [0, 1, 0, 0, 0])
    #expect(batch.trees == [2, 1, 1, 1].map { TreeBatch.Tree(prefix: $0) })
    #expect(batch.predictors == [0, 1, 2, 3, 4])
    #expect(batch.sides == [0, 0, 2, 1, 3])
  }

  @Test("No pairs make no trees")
  func nothing() {
    let batch = TreeBatch([])
    #expect(batch.pairCount == 0)
    #expect(batch.tokens.isEmpty && batch.trees.isEmpty && batch.targetCounts.isEmpty)
  }

  @Test("Each target of any pairs is predicted from exactly the tokens before it", arguments: [true, false])
  func everyTarget(sharesPrefix: Bool) throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      var pairs = (0..<1 + random.below(4)).map { randomPair($0, from: &random) }
      pairs += pairsOfAPrompt(random.below(5), from: pairs.count, &random)
      let batch = TreeBatch(pairs, sharesPrefix: sharesPrefix)
      if sharesPrefix { #expect(batch.tokens.count <= TreeBatch(pairs, sharesPrompts: false).tokens.count) }
      var expected: [[Prediction]] = []
      for pair in pairs { expected.append(predictions(pair.chosenIDs, pair.chosenTargets)) }
      for pair in pairs { expected.append(predictions(pair.rejectedIDs, pair.rejectedTargets)) }

      var found = [[Prediction]](repeating: [], count: 2 * pairs.count)
      let contexts = contexts(of: batch)
      for (term, side) in zip(batch.terms, batch.sides) {
        let context = try #require(contexts[batch.predictors[term]])
        found[side].append(Prediction(context: context, target: batch.targets[term]))
      }
      #expect(found == expected)
      #expect(batch.targetCounts == expected.map(\.count))
      #expect(batch.positions == contexts.keys.sorted().map { (contexts[$0]?.count ?? 0) - 1 })
      #expect(usesEveryToken(batch))
    }
  }

  @Test("Pairs of a prompt share it, and an answer that several have runs once for all of them")
  func prompts() {
    func ofPrompt(_ pair: TokenizedPair, _ key: UInt64 = 7) -> TokenizedPair {
      var pair = pair
      pair.promptKey = key
      return pair
    }
    let pairs = [
      ofPrompt(pair(0, chosen: "1 2 3* 4*", rejected: "1 2 5* 6*", prefix: 2)),
      pair(1, chosen: "1 2 3* 4*", rejected: "1 2 8* 9*", prefix: 2),
      ofPrompt(pair(2, chosen: "1 2 3* 4*", rejected: "1 2 3 7* 7*", prefix: 3)),
    ]
    let batch = TreeBatch(pairs)
    #expect(batch.pairIndices == [0, 1, 2])
    #expect(batch.tokens == [1, 2, 3, 5, 3, 7, 1, 2, 3, 8])
    #expect(batch.positions == [0, 1, 2, 2, 2, 3, 0, 1, 2, 2])
    #expect(
      batch.trees == [
        TreeBatch.Tree(prefix: 2, branches: [1, 1, 2]), TreeBatch.Tree(prefix: 2, branches: [1, 1]),
      ])
    #expect(batch.targets == [3, 4, 5, 6, 7, 7, 3, 4, 8, 9])
    // The chosen answer counts for pairs 0 and 2.
    #expect(batch.terms == [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(batch.sides == [0, 2, 0, 2, 3, 3, 5, 5, 1, 1, 4, 4])
    #expect(batch.targetCounts == [2, 2, 2, 2, 2, 2])
    #expect(TreeBatch(pairs, sharesPrompts: false).trees.count == 3)
    #expect([pairs[0], pairs[2]].treeLength == 9)
    // Where nothing is alike in spite of the key, sharing would cost tokens.
    let unlike = [pairs[0], ofPrompt(pair(3, chosen: "9 2* 2*", rejected: "9 3* 3*", prefix: 1))]
    #expect(TreeBatch(unlike).trees.count == 2)
  }

  @Test("Groups hold pairs of one prompt up to a number, in order; pairs without a known prompt stand alone")
  func groups() {
    let pairs = [3, 0, 5, 3, 3, 0, 3, 5].enumerated().map { index, key in
      TokenizedPair(
        index: index, chosenIDs: [1], rejectedIDs: [1], chosenTargets: [false], rejectedTargets: [false],
        sharedPrefix: 1, promptKey: key)
    }
    #expect(promptGroups(of: pairs, atMost: 8) == [[0, 3, 4, 6], [1], [2, 7], [5]])
    #expect(promptGroups(of: pairs, atMost: 3) == [[0, 3, 4], [1], [2, 7], [5], [6]])
    #expect(promptGroups(of: pairs, atMost: 1) == (0..<8).map { [$0] })
  }

  @Test("A token counts once for each side that runs through it: sharing changes no sum over tokens")
  func sideCounts() {
    var random = SeededGenerator(seed: 23)
    for round in 0..<200 {
      let pairs =
        round % 2 == 0
        ? (0..<4).map { randomPair($0, from: &random) } : pairsOfAPrompt(3, from: 0, &random)
      let (shared, apart) = (TreeBatch(pairs), TreeBatch(pairs, sharesPrefix: false))
      #expect(shared.sideCounts.count == shared.tokens.count)
      #expect(apart.sideCounts.allSatisfy { $0 == 1 })
      // The same contexts, each as often: for any function of what a token sees the weighted sums are equal.
      func counts(_ batch: TreeBatch) -> [[Int]: Int] {
        contexts(of: batch).reduce(into: [:]) { $0[$1.value, default: 0] += batch.sideCounts[$1.key] }
          .filter { $0.value > 0 }
      }
      #expect(counts(shared) == counts(apart))
    }
    let batch = TreeBatch([pair(0, chosen: "1 2 3 4*", rejected: "1 2 5* 6*", prefix: 2)])
    #expect(batch.tokens == [1, 2, 3, 5] && batch.sideCounts == [2, 2, 1, 1])
  }

  // MARK: - Reading trees

  private struct Prediction: Equatable {
    var context: [Int]
    var target: Int
  }

  private func predictions(_ ids: [Int32], _ targets: [Bool]) -> [Prediction] {
    targets.indices.filter { targets[$0] }.map {
      Prediction(context: ids[..<$0].map(Int.init), target: Int(ids[$0]))
    }
  }

  /// What each input token sees, itself at the end.
  private func contexts(of batch: TreeBatch) -> [Int: [Int]] {
    var contexts: [Int: [Int]] = [:]
    var start = 0
    for tree in batch.trees {
      let prefix = Array(batch.tokens[start..<start + tree.prefix])
      var parts: [(start: Int, before: [Int], part: [Int])] = [(start, [], prefix)]
      start += tree.prefix
      for length in tree.branches {
        parts.append((start, prefix, Array(batch.tokens[start..<start + length])))
        start += length
      }
      for (start, before, part) in parts {
        for place in part.indices { contexts[start + place] = before + part[...place] }
      }
    }
    return contexts
  }

  /// Whether each part that nothing follows ends with a token that predicts something.
  private func usesEveryToken(_ batch: TreeBatch) -> Bool {
    let predictors = Set(batch.predictors)
    var start = 0
    return batch.trees.allSatisfy { tree in
      var parts = [(end: start + tree.prefix, length: tree.branches.allSatisfy { $0 == 0 } ? tree.prefix : 0)]
      for length in tree.branches { parts.append((parts[parts.count - 1].end + length, length)) }
      start += tree.count
      return parts.allSatisfy { $0.length == 0 || predictors.contains($0.end - 1) }
    }
  }
}

/// A pair from texts such as `1 2* 3`: ids, the targets among them starred.
private func pair(_ index: Int, chosen: String, rejected: String, prefix: Int) -> TokenizedPair {
  func parse(_ text: String) -> (ids: [Int32], targets: [Bool]) {
    let words = text.split(separator: " ")
    return (words.map { Int32($0.filter { $0 != "*" }) ?? -1 }, words.map { $0.hasSuffix("*") })
  }
  let (chosen, rejected) = (parse(chosen), parse(rejected))
  return TokenizedPair(
    index: index, chosenIDs: chosen.ids, rejectedIDs: rejected.ids, chosenTargets: chosen.targets,
    rejectedTargets: rejected.targets, sharedPrefix: prefix)
}

/// A pair of any form: empty tails, no prefix, targets anywhere but on the first token, none on a side.
private func randomPair(_ index: Int, from random: inout SeededGenerator) -> TokenizedPair {
  func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.below(50)) } }
  func targets(_ count: Int, density: Int) -> [Bool] { (0..<count).map { _ in random.below(4) < density } }
  let prefix = random.below(7)
  let shared = (ids: ids(prefix), targets: targets(prefix, density: random.below(3)))
  var sides = (0..<2).map { _ in
    let count = random.below(6) + (prefix == 0 ? 1 : 0)
    return (ids: shared.ids + ids(count), targets: shared.targets + targets(count, density: random.below(4)))
  }
  for side in sides.indices { sides[side].targets[0] = false }
  return TokenizedPair(
    index: index, chosenIDs: sides[0].ids, rejectedIDs: sides[1].ids, chosenTargets: sides[0].targets,
    rejectedTargets: sides[1].targets, sharedPrefix: prefix)
}

/// Pairs of one prompt, each of two of a few answers, with targets of its own.
private func pairsOfAPrompt(
  _ count: Int, from index: Int, _ random: inout SeededGenerator
) -> [TokenizedPair] {
  func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.below(3)) } }
  func targets(_ count: Int) -> [Bool] { (0..<count).map { $0 > 0 && random.below(3) > 0 } }
  let prompt = ids(1 + random.below(5))
  let answers = (0..<4).map { _ in prompt + ids(1 + random.below(5)) }
  return (0..<count).map { number in
    let (chosen, rejected) = (answers[random.below(4)], answers[random.below(4)])
    return TokenizedPair(
      index: index + number, chosenIDs: chosen, rejectedIDs: rejected, chosenTargets: targets(chosen.count),
      rejectedTargets: targets(rejected.count),
      sharedPrefix: zip(chosen, rejected).prefix { $0 == $1 }.count, promptKey: 9)
  }
}

extension TreeBatch {
  /// For each prediction the token that makes it.
  fileprivate var predictors: [Int] { predictions.map { rows[$0] } }
}
