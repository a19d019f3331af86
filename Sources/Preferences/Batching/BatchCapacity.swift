/// The sizes to which a micro-batch is padded, so that batches of many sizes run through few computations that are fixed
/// once, as captured CUDA graphs are.
public struct BatchCapacity: Hashable, Sendable {
  /// Input tokens, padding included.
  public var tokens: Int
  /// Pairs.
  public var pairs: Int
  /// Predictions, and tokens that make one.
  public var predictions: Int
  /// Tokens of the longest side, or of the longest tree of padding.
  public var longest: Int
  /// Predictions by the sides they count towards.
  public var terms: Int
  /// Keys of all sequences of attention: those of a shared prefix once for each branch.
  public var keyRows: Int
  /// The most branches of a tree besides the first one.
  public var furtherBranches: Int

  /// Room for these numbers. Terms are twice the predictions where these are all in shared prefixes of single pairs, whose
  /// trees have two branches; pairs that share a prompt may need more.
  public init(
    tokens: Int, pairs: Int, predictions: Int, longest: Int, terms: Int? = nil, keyRows: Int? = nil,
    furtherBranches: Int = 1
  ) {
    (self.tokens, self.pairs, self.predictions, self.longest) = (tokens, pairs, predictions, longest)
    self.terms = terms ?? 2 * predictions
    self.keyRows = keyRows ?? 2 * tokens
    self.furtherBranches = furtherBranches
  }

  /// Sequences of attention: both sides of each pair, and padding.
  public var sequences: Int { 2 * pairs + Self.mostPaddingTrees }

  /// Padding lies in several trees, since attention's cost grows with the square of one's length.
  static let mostPaddingTrees = 16
  /// Padding of fewer tokens than this is not divided: attention kernels run over blocks of at least this many queries.
  static let paddingTreeLength = 128

  /// The lengths of the trees, each a prefix alone, that pad a batch.
  func paddingTrees(after tokens: Int) -> [Int] {
    let missing = max(0, self.tokens - tokens)
    let length = max(Self.paddingTreeLength, (missing + Self.mostPaddingTrees - 1) / Self.mostPaddingTrees)
    return stride(from: 0, to: missing, by: length).map { min(length, missing - $0) }
  }
}

/// The capacities that micro-batches of a run are padded to.
///
/// Token counts grow in eighths of a power of two (512, 640, 768, … 1,024, 1,152, …; multiples of 128, which suit matrix
/// products). Micro-batches of a run, made by a token budget, are of similar size: over the 600 pairs of a mixed English
/// and Chinese set, steps of 16 to 128 pairs and budgets of 4,096 to 32,768 tokens, they fall into 3 to 6 such sizes and
/// 3.7 % of the rows are padding. Growth by a fifth would take 2 to 3 sizes, and waste 10 %. Predictions grow in quarters
/// of the tokens: what is wasted on them is the head and part of the last layer only.
public struct BatchBuckets: Hashable, Sendable {
  /// Tokens of the longest side of any pair.
  public let longestSide: Int
  /// The most pairs of a micro-batch.
  public let mostPairs: Int

  /// Buckets for pairs up to this length and micro-batches of up to this many pairs.
  public init(longestSide: Int, mostPairs: Int) {
    (self.longestSide, self.mostPairs) = (longestSide, mostPairs)
  }

  /// The capacity of the smallest bucket that holds a micro-batch.
  public func capacity(for batch: TreeBatch) -> BatchCapacity {
    let tokens = Self.tokens(atLeast: batch.tokens.count)
    // Pairs cost next to nothing but empty sequences, which attention kernels still visit.
    var pairs = max(8, tokens / 256)
    while pairs < batch.pairCount { pairs *= 2 }
    let longest = batch.trees.reduce(longestSide) { max($0, $1.longestSide) }
    let predictions = Self.multiple(of: tokens / 4, atLeast: max(1, batch.predictions.count))
    // Padding adds no more keys than tokens.
    let keyRows = batch.trees.reduce(tokens) { $0 + $1.prefix * max(0, $1.branches.count - 1) }
    var branches = 1
    while branches < batch.mostFurtherBranches { branches = 2 * branches + 1 }
    return BatchCapacity(
      tokens: tokens, pairs: max(1, batch.pairCount, min(pairs, mostPairs)), predictions: predictions,
      longest: min(tokens, max(longest, BatchCapacity.paddingTreeLength, tokens / BatchCapacity.mostPaddingTrees)),
      terms: max(2 * predictions, Self.multiple(of: tokens / 4, atLeast: batch.terms.count)),
      keyRows: max(2 * tokens, Self.multiple(of: tokens, atLeast: keyRows)), furtherBranches: branches)
  }

  /// The smallest token count of a bucket that is not below a number.
  public static func tokens(atLeast count: Int) -> Int {
    var power = 512
    while 2 * power < count { power *= 2 }
    return max(512, multiple(of: max(128, power / 8), atLeast: count))
  }

  private static func multiple(of unit: Int, atLeast count: Int) -> Int { (count + unit - 1) / unit * unit }
}

/// A micro-batch that is larger than the capacity it is to be padded to.
public struct BatchCapacityError: Error, CustomStringConvertible {
  /// What there is too much of.
  public let quantity: String
  /// How much the batch has.
  public let needed: Int
  /// How much there is room for.
  public let capacity: Int

  /// Both numbers, and what to do.
  public var description: String {
    "a micro-batch of \(needed) \(quantity) does not fit a capacity of \(capacity): take the capacity of its bucket, or "
      + "make smaller micro-batches"
  }
}

extension TreeBatch {
  /// The most branches of a tree besides the first one.
  var mostFurtherBranches: Int { trees.reduce(0) { max($0, $1.branches.count - 1) } }
}
