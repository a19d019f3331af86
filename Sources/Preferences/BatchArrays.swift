/// The numbers of a micro-batch in the order in which a device gets them: as many as there are, or padded to a capacity.
///
/// What pads does not change any sum. Its tokens are trees of their own that predict nothing; its predictions count
/// towards no term; its terms count towards spare sides behind the real ones; its pairs have no tokens and the weight 0.
public struct BatchArrays: Sendable, Hashable {
  /// Room for pairs: side i is the chosen one of pair i, `pairs + i` the rejected one.
  public let pairs: Int
  /// Sides behind the real ones, which nobody asks for.
  public let spareSides: Int
  /// Input tokens, `[tokens]`.
  public private(set) var tokens: [Int]
  /// Each token's place in its own side, `[tokens]`.
  public private(set) var positions: [Int]
  /// The parts of each tree, in order; together they cover the tokens.
  public private(set) var trees: [TreeBatch.Tree]
  /// The tokens that predict a target, ascending but for padding. A prefix's last token, which predicts the first one of
  /// both tails, is there once.
  public private(set) var predictors: [Int]
  /// For each prediction the place of its token among the predictors.
  public private(set) var predictions: [Int]
  /// For each prediction the token whose log-probability is asked for.
  public private(set) var targets: [Int]
  /// The predictions that count towards a side.
  public private(set) var terms: [Int]
  /// For each term the side it counts towards.
  public private(set) var sides: [Int]
  /// Target tokens of each side, `[2 · pairs]`.
  public private(set) var targetCounts: [Float]
  /// 1 for each pair, 0 for padding, `[pairs]`.
  public private(set) var pairWeights: [Float]
  /// Pairs and input tokens, without padding.
  public let counts: [Float]

  /// The numbers of a batch as they are.
  public init(_ batch: TreeBatch) {
    self.init(batch, pairs: batch.pairCount, spareSides: 0)
  }

  /// The numbers of a batch, padded.
  ///
  /// - Throws: `BatchCapacityError` when the batch is larger than the capacity.
  public init(_ batch: TreeBatch, capacity: BatchCapacity) throws(BatchCapacityError) {
    let longest = batch.trees.reduce(0) { max($0, $1.prefix + max($1.chosen, $1.rejected)) }
    let padding = capacity.paddingTrees(behind: batch.tokens.count)
    for (quantity, needed, room) in [
      ("tokens", batch.tokens.count, capacity.tokens), ("pairs", batch.pairCount, capacity.pairs),
      ("predictions", batch.predictors.count, capacity.predictions),
      ("terms", batch.terms.count, capacity.terms), ("tokens in the longest side", longest, capacity.longest),
      ("tokens in a row of padding", padding.first ?? 0, capacity.longest),
    ] where needed > room {
      throw BatchCapacityError(quantity: quantity, needed: needed, capacity: room)
    }
    // As many spare sides as sides: where many additions meet in one place they wait for each other.
    self.init(batch, pairs: capacity.pairs, spareSides: max(1, 2 * capacity.pairs))
    pad(to: capacity, by: padding)
  }

  private init(_ batch: TreeBatch, pairs: Int, spareSides: Int) {
    (self.pairs, self.spareSides) = (pairs, spareSides)
    (tokens, positions, trees) = (batch.tokens, batch.positions, batch.trees)
    predictors = Set(batch.predictors).sorted()
    let places = Dictionary(uniqueKeysWithValues: predictors.enumerated().map { ($1, $0) })
    predictions = batch.predictors.compactMap { places[$0] }
    (targets, terms) = (batch.targets, batch.terms)
    sides = batch.sides.map { $0 < batch.pairCount ? $0 : $0 - batch.pairCount + pairs }
    let padding = [Float](repeating: 0, count: pairs - batch.pairCount)
    targetCounts =
      batch.targetCounts[..<batch.pairCount].map(Float.init) + padding
      + batch.targetCounts[batch.pairCount...].map(Float.init) + padding
    pairWeights = [Float](repeating: 1, count: batch.pairCount) + padding
    counts = [Float(batch.pairCount), Float(batch.tokens.count)]
  }

  /// All places that padding names are spread out, as real ones are: the sums of gradients, though of zeros, are made
  /// there too.
  private mutating func pad(to capacity: BatchCapacity, by lengths: [Int]) {
    let real = tokens.count
    for length in lengths {
      trees.append(TreeBatch.Tree(prefix: length))
      positions.append(contentsOf: 0..<length)
    }
    tokens.append(contentsOf: (real..<capacity.tokens).map { real > 0 ? tokens[$0 % real] : 0 })
    predictors.append(contentsOf: (predictors.count..<capacity.predictions).map { $0 % capacity.tokens })
    predictions.append(contentsOf: predictions.count..<capacity.predictions)
    targets.append(contentsOf: [Int](repeating: 0, count: capacity.predictions - targets.count))
    let realTerms = terms.count
    terms.append(contentsOf: (realTerms..<capacity.terms).map { $0 % capacity.predictions })
    sides.append(contentsOf: (realTerms..<capacity.terms).map { 2 * pairs + $0 % spareSides })
  }
}
