/// Pairs of one micro-batch, packed for the model: every pair is a tree (shared prefix, chosen tail, rejected tail), and the
/// trees lie side by side without padding, unless the batch is `padded(to:)` a capacity.
///
/// Only tokens that lead to a target are inputs: a side ends with the token that predicts its last target.
/// The chosen side of pair i has the number i, its rejected side the number `pairCapacity + i`.
public struct TreeBatch: Sendable, Hashable {
  /// The lengths of the three parts of a tree, in input tokens.
  public struct Tree: Sendable, Hashable {
    /// Tokens that both sides share.
    public var prefix: Int
    /// Further tokens of the chosen side.
    public var chosen: Int
    /// Further tokens of the rejected side.
    public var rejected: Int

    /// A tree of these lengths.
    public init(prefix: Int, chosen: Int = 0, rejected: Int = 0) {
      self.prefix = prefix
      self.chosen = chosen
      self.rejected = rejected
    }
  }

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
  /// The parts of each tree, in order; together they cover `tokens`.
  public internal(set) var trees: [Tree] = []
  /// The input tokens that predict a target, each once and ascending except for padding, `[rows]`. The last token of a prefix
  /// predicts the first one of both tails.
  public internal(set) var rows: [Int] = []
  /// For each prediction the place of its token in `rows`, `[predictions]`.
  public internal(set) var predictions: [Int] = []
  /// For each prediction the token whose log-probability is asked for, `[predictions]`.
  public internal(set) var targets: [Int] = []
  /// The predictions that count towards a side; one in a shared prefix counts twice, `[terms]`.
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
  /// - Parameter sharesPrefix: whether a pair's common prefix is stored once; without, each side is a tree of its own,
  ///   which gives the same numbers at a higher price.
  public init(_ pairs: [TokenizedPair], sharesPrefix: Bool = true) {
    pairIndices = pairs.map(\.index)
    pairCapacity = pairs.count
    targetCounts = [Int](repeating: 0, count: 2 * pairs.count)
    for (number, pair) in pairs.enumerated() {
      let (chosenSide, rejectedSide) = (number, pairs.count + number)
      if sharesPrefix {
        appendTree(pair, chosenSide: chosenSide, rejectedSide: rejectedSide)
      } else {
        appendSequence(pair.chosenIDs, pair.chosenTargets, side: chosenSide)
        appendSequence(pair.rejectedIDs, pair.rejectedTargets, side: rejectedSide)
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

  private mutating func appendTree(_ pair: TokenizedPair, chosenSide: Int, rejectedSide: Int) {
    let start = tokens.count
    let prefix = pair.sharedPrefix
    let chosenEnd = Self.inputCount(pair.chosenTargets)
    let rejectedEnd = Self.inputCount(pair.rejectedTargets)
    let tree = Tree(
      prefix: min(prefix, max(chosenEnd, rejectedEnd)), chosen: max(0, chosenEnd - prefix),
      rejected: max(0, rejectedEnd - prefix))
    trees.append(tree)
    append(pair.chosenIDs[..<tree.prefix])
    append(pair.chosenIDs[prefix..<prefix + tree.chosen])
    append(pair.rejectedIDs[prefix..<prefix + tree.rejected])

    for place in 0..<prefix {
      var counting: [Int] = []
      if pair.chosenTargets[place] { counting.append(chosenSide) }
      if pair.rejectedTargets[place] { counting.append(rejectedSide) }
      if !counting.isEmpty { predict(pair.chosenIDs[place], by: start + place - 1, for: counting) }
    }
    for (ids, targets, side, tailStart) in [
      (pair.chosenIDs, pair.chosenTargets, chosenSide, start + tree.prefix),
      (pair.rejectedIDs, pair.rejectedTargets, rejectedSide, start + tree.prefix + tree.chosen),
    ] {
      for place in prefix..<ids.count where targets[place] {
        // The first token of a tail is predicted by the last of the prefix.
        let predictor = place == prefix ? start + prefix - 1 : tailStart + place - prefix - 1
        predict(ids[place], by: predictor, for: [side])
      }
    }
  }

  private mutating func appendSequence(_ ids: [Int32], _ isTarget: [Bool], side: Int) {
    let start = tokens.count
    let inputs = ids[..<Self.inputCount(isTarget)]
    trees.append(Tree(prefix: inputs.count))
    append(inputs)
    for place in ids.indices where isTarget[place] { predict(ids[place], by: start + place - 1, for: [side]) }
  }

  /// Adds input tokens, whose indices in their side are their positions.
  private mutating func append(_ ids: ArraySlice<Int32>) {
    tokens.append(contentsOf: ids.lazy.map(Int.init))
    positions.append(contentsOf: ids.indices)
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
