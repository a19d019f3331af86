/// Pairs of one prompt meet in a tree that runs the prompt once for all of them.
///
/// - Parameters:
///   - pairs: pairs in any order.
///   - count: the most pairs of a group.
/// - Returns: the places in `pairs` of each group's pairs, in the order of their first ones. A pair whose prompt is not
///   known (`promptKey` 0) is a group of its own.
public func promptGroups(of pairs: [TokenizedPair], atMost count: Int) -> [[Int]] {
  var groups: [[Int]] = []
  var open: [UInt64: Int] = [:]
  for (place, pair) in pairs.enumerated() {
    if pair.promptKey != 0, let group = open[pair.promptKey], groups[group].count < count {
      groups[group].append(place)
    } else {
      open[pair.promptKey] = groups.count
      groups.append([place])
    }
  }
  return groups
}

extension [TokenizedPair] {
  /// How many leading tokens all sides share.
  public var sharedPrefix: Int {
    guard let first else { return 0 }
    return dropFirst().reduce(first.commonLength) { shared, pair in
      let end = Swift.min(shared, pair.commonLength)
      return commonPrefixCount(first.chosenIDs[..<end], pair.chosenIDs[..<end])
    }
  }

  /// The tokens of the pairs in one tree: what all share once, and each different continuation once.
  public var treeLength: Int {
    if count == 1 { return self[0].treeLength }
    let prefix = sharedPrefix
    let branches = Set(flatMap { $0.hasRejected ? [$0.chosenIDs, $0.rejectedIDs] : [$0.chosenIDs] })
    return branches.reduce(prefix) { $0 + $1.count - prefix }
  }
}
