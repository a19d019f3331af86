/// Pairs of one micro-batch, packed for the model: every pair is a tree of its shared prefix and both continuations, and
/// pairs of the same prompt are one tree together; a text to imitate is a tree without branches. The trees lie side by side without padding, unless the batch is
/// `padded(to:)` a capacity.
///
/// Only tokens that lead to a target are inputs: a side ends with the token that predicts its last target.
/// The chosen side of pair i has the number i, its rejected side the number `pairCapacity + i`.
public struct TreeBatch: Sendable, Hashable {
  /// The lengths of the parts of a tree, in input tokens.
  public struct Tree: Sendable, Hashable {
    /// Tokens that all sides of the tree share.
    public var prefix: Int
    /// Further tokens of each continuation. It belongs to one side, or to several that are the same.
    public var branches: [Int]

    /// A tree of these lengths.
    public init(prefix: Int, branches: [Int] = []) {
      self.prefix = prefix
      self.branches = branches
    }

    /// All tokens of the tree.
    public var count: Int { branches.reduce(prefix, +) }
    /// Tokens of the longest side.
    public var longestSide: Int { prefix + (branches.max() ?? 0) }
  }

  /// The most pairs of a tree: what a further branch costs on a GPU grows with their number.
  public static let mostPairsOfTree = 8

  /// The index of each pair in its file, in the order of the batch.
  public private(set) var pairIndices: [Int] = []
  /// Room for pairs: `pairCount`, or more where the batch is padded.
  public internal(set) var pairCapacity: Int
  /// The number of input tokens, without padding.
  public private(set) var tokenCount = 0
  /// The tokens of both sides of all pairs, shared prefixes counted twice.
  public private(set) var sideTokenCount = 0
  /// The input tokens, `[tokens]`.
  public internal(set) var tokens: [Int] = []
  /// The place of each input token in its own side, `[tokens]`.
  public internal(set) var positions: [Int] = []
  /// The sides that each input token stands in, `[tokens]`; 0 for padding. Sides end with their last target.
  public internal(set) var sideCounts: [Int] = []
  /// The parts of each tree, in order; together they cover `tokens`.
  public internal(set) var trees: [Tree] = []
  /// The input tokens that predict a target, each once and ascending except for padding, `[rows]`. The last token of a prefix
  /// predicts the first one of every branch.
  public internal(set) var rows: [Int] = []
  /// For each prediction the place of its token in `rows`, `[predictions]`.
  public internal(set) var predictions: [Int] = []
  /// For each prediction the token whose log-probability is asked for, `[predictions]`.
  public internal(set) var targets: [Int] = []
  /// The predictions that count towards a side, `[terms]`. One in a shared prefix counts for each side, and one in an
  /// answer that several pairs have for each of these.
  public internal(set) var terms: [Int] = []
  /// For each term the side it counts towards, `[terms]`.
  public internal(set) var sides: [Int] = []
  /// For each term 1 where its token comes after as many targets of its side as the pair's shorter side has, else 0, `[terms]`.
  public internal(set) var excess: [Int] = []
  /// Sides after the real ones, towards which padding counts.
  public internal(set) var spareSides = 0
  /// The number of target tokens of each side, `[2 · pairCapacity]`.
  public internal(set) var targetCounts: [Int]

  /// The number of pairs, without padding.
  public var pairCount: Int { pairIndices.count }
  /// 1 for each pair and 0 for padding, `[pairCapacity]`: what the loss of a pair counts.
  public var pairWeights: [Int] { (0..<pairCapacity).map { $0 < pairCount ? 1 : 0 } }

  /// Packs pairs.
  ///
  /// - Parameters:
  ///   - sharesPrefix: whether a pair's common prefix is stored once; without, each side is a tree of its own, which gives the
  ///     same numbers at a higher price.
  ///   - sharesPrompts: whether pairs of the same prompt share it too, where that saves tokens.
  public init(_ pairs: [TokenizedPair], sharesPrefix: Bool = true, sharesPrompts: Bool = true) {
    pairIndices = pairs.map(\.index)
    pairCapacity = pairs.count
    targetCounts = [Int](repeating: 0, count: 2 * pairs.count)
    if sharesPrefix {
      for group in promptGroups(of: pairs, atMost: sharesPrompts ? Self.mostPairsOfTree : 1) {
        let ofPrompt = group.map { pairs[$0] }
        let isWorthIt = ofPrompt.treeLength < ofPrompt.reduce(0) { $0 + $1.treeLength }
        for numbers in isWorthIt ? [group] : group.map({ [$0] }) {
          appendTree(of: numbers.map { (pairs[$0], $0) }, rejectedSides: pairs.count)
        }
      }
    } else {
      for (number, pair) in pairs.enumerated() {
        appendSequence(pair.chosenIDs, pair.chosenTargets, side: number)
        if pair.hasRejected {
          appendSequence(pair.rejectedIDs, pair.rejectedTargets, side: pairs.count + number)
        }
      }
    }
    tokenCount = tokens.count
    sideTokenCount = pairs.reduce(0) { $0 + $1.chosenIDs.count + $1.rejectedIDs.count }
    excess = excessTerms()
    // Until here `predictions` names tokens.
    rows = Set(predictions).sorted()
    let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
    predictions = predictions.compactMap { places[$0] }
  }

  /// `excess`, once all terms are there. Those of a side are in the order of its tokens.
  private func excessTerms() -> [Int] {
    var seen = [Int](repeating: 0, count: 2 * pairCapacity)
    return sides.map { side in
      seen[side] += 1
      let shorter = min(targetCounts[side % pairCapacity], targetCounts[side % pairCapacity + pairCapacity])
      return seen[side] > shorter ? 1 : 0
    }
  }

  private typealias Side = (ids: [Int32], targets: [Bool], number: Int)

  private mutating func appendTree(of pairs: [(pair: TokenizedPair, number: Int)], rejectedSides: Int) {
    let sides: [Side] = pairs.flatMap { pair, number -> [Side] in
      let chosen = (pair.chosenIDs, pair.chosenTargets, number)
      return pair.hasRejected ? [chosen, (pair.rejectedIDs, pair.rejectedTargets, rejectedSides + number)] : [chosen]
    }
    let prefix = pairs.map(\.pair).sharedPrefix
    let branches = pairs.count == 1 ? sides.map { [$0] } : Self.branches(of: sides)
    let ends = branches.map { $0.reduce(0) { max($0, Self.inputCount($1.targets)) } }
    let tree = Tree(prefix: min(prefix, ends.max() ?? 0), branches: ends.map { max(0, $0 - prefix) })
    let start = tokens.count
    trees.append(tree)
    append(sides[0].ids[..<tree.prefix], of: sides)

    for place in 0..<prefix {
      let counting = sides.filter { $0.targets[place] }
      if !counting.isEmpty { predict(sides[0].ids[place], by: start + place - 1, for: counting.map(\.number)) }
    }
    for (branch, length) in zip(branches, tree.branches) {
      let (ids, branchStart) = (branch[0].ids, tokens.count)
      append(ids[prefix..<prefix + length], of: branch)
      for place in prefix..<ids.count {
        let counting = branch.filter { $0.targets[place] }
        if counting.isEmpty { continue }
        // The first token of a branch is predicted by the last of the prefix.
        let predictor = place == prefix ? start + prefix - 1 : branchStart + place - prefix - 1
        predict(ids[place], by: predictor, for: counting.map(\.number))
      }
    }
  }

  /// Sides that are the same tokens, in the order of their first ones.
  private static func branches(of sides: [Side]) -> [[Side]] {
    var branches: [[Side]] = []
    var places: [[Int32]: Int] = [:]
    for side in sides {
      if let place = places[side.ids] {
        branches[place].append(side)
      } else {
        places[side.ids] = branches.count
        branches.append([side])
      }
    }
    return branches
  }

  private mutating func appendSequence(_ ids: [Int32], _ isTarget: [Bool], side: Int) {
    let start = tokens.count
    let inputs = ids[..<Self.inputCount(isTarget)]
    trees.append(Tree(prefix: inputs.count))
    append(inputs, of: [(ids, isTarget, side)])
    for place in ids.indices where isTarget[place] { predict(ids[place], by: start + place - 1, for: [side]) }
  }

  /// Adds input tokens, whose indices in their side are their positions.
  private mutating func append(_ ids: ArraySlice<Int32>, of sides: [Side]) {
    tokens.append(contentsOf: ids.lazy.map(Int.init))
    positions.append(contentsOf: ids.indices)
    let ends = sides.map { Self.inputCount($0.targets) }
    sideCounts.append(contentsOf: ids.indices.lazy.map { place in ends.count { $0 > place } })
  }

  private mutating func predict(_ target: Int32, by predictor: Int, for counted: [Int]) {
    for side in counted {
      terms.append(targets.count)
      sides.append(side)
      targetCounts[side] += 1
    }
    predictions.append(predictor)
    targets.append(Int(target))
  }

  /// How many leading tokens of a side must run: all before its last target. The first token is never a target.
  private static func inputCount(_ isTarget: [Bool]) -> Int { isTarget.lastIndex(of: true) ?? 0 }
}
