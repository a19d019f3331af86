/// A micro-batch padded to a fixed size, so that a computation that was captured once runs over it.
///
/// Padding changes no sum. Its tokens are trees that predict nothing; its predictions count towards no term; its terms count
/// towards spare sides; its pairs have no tokens and the weight 0.
extension TreeBatch {
  /// The same batch with as many tokens, pairs, predictions and terms as a capacity has.
  ///
  /// - Throws: `BatchCapacityError` when the batch is larger than the capacity.
  public func padded(to capacity: BatchCapacity) throws(BatchCapacityError) -> TreeBatch {
    let padding = capacity.paddingTrees(after: tokens.count)
    try requireRoom(in: capacity, padding: padding)
    var batch = self
    batch.makeRoom(forPairs: capacity.pairs)
    batch.pad(to: capacity, by: padding)
    return batch
  }

  private func requireRoom(in capacity: BatchCapacity, padding: [Int]) throws(BatchCapacityError) {
    let longest = trees.reduce(0) { max($0, $1.longestSide) }
    let keyRows = trees.reduce(capacity.tokens) { $0 + $1.prefix * max(0, $1.branches.count - 1) }
    for (quantity, needed, room) in [
      ("tokens", tokens.count, capacity.tokens), ("pairs", pairCount, capacity.pairs),
      ("predictions", predictions.count, capacity.predictions), ("terms", terms.count, capacity.terms),
      ("tokens in the longest side", longest, capacity.longest), ("keys", keyRows, capacity.keyRows),
      ("further branches in a tree", mostFurtherBranches, capacity.furtherBranches),
      ("tokens in a row of padding", padding.first ?? 0, capacity.longest),
    ] where needed > room {
      throw BatchCapacityError(quantity: quantity, needed: needed, capacity: room)
    }
  }

  private mutating func makeRoom(forPairs room: Int) {
    sides = sides.map { $0 < pairCount ? $0 : $0 - pairCount + room }
    let padding = [Int](repeating: 0, count: room - pairCount)
    targetCounts = targetCounts[..<pairCount] + padding + targetCounts[pairCount...] + padding
    pairCapacity = room
    // As many spare sides as sides: where many additions meet in one place, they wait for each other.
    spareSides = max(1, 2 * room)
  }

  /// All places that padding names are spread out, as real ones are: gradients, though of zeros, are summed there too.
  private mutating func pad(to capacity: BatchCapacity, by lengths: [Int]) {
    for length in lengths {
      trees.append(Tree(prefix: length))
      positions.append(contentsOf: 0..<length)
    }
    let real = tokenCount
    sideCounts.append(contentsOf: [Int](repeating: 0, count: capacity.tokens - real))
    tokens.append(contentsOf: (real..<capacity.tokens).map { real > 0 ? tokens[$0 % real] : 0 })
    rows.append(contentsOf: (rows.count..<capacity.predictions).map { $0 % capacity.tokens })
    predictions.append(contentsOf: predictions.count..<capacity.predictions)
    targets.append(contentsOf: [Int](repeating: 0, count: capacity.predictions - targets.count))
    let realTerms = terms.count
    terms.append(contentsOf: (realTerms..<capacity.terms).map { $0 % capacity.predictions })
    excess.append(contentsOf: [Int](repeating: 0, count: capacity.terms - realTerms))
    sides.append(contentsOf: (realTerms..<capacity.terms).map { 2 * pairCapacity + $0 % spareSides })
  }
}
