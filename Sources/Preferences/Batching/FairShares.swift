/// Deals work to ranks so that each has about equally much of it.
///
/// The largest first, each to the rank that has least so far (Graham, 1969, "Bounds on Multiprocessing Timing Anomalies");
/// then work moves or changes places between the fullest and the other ranks as long as that helps. All ranks find the
/// same shares, whatever their own rank.
///
/// - Parameters:
///   - costs: what each piece of work costs, in any unit
///   - ranks: how many share it; one takes all, in the order given
/// - Returns: for each rank the places of its work in `costs`, ascending; a rank may get none
public func fairShares(of costs: [Int], among ranks: Int) -> [[Int]] {
  guard ranks > 1 else { return [Array(costs.indices)] }
  var shares = [[Int]](repeating: [], count: ranks)
  var loads = [Int](repeating: 0, count: ranks)
  for place in costs.indices.sorted(by: { (costs[$0], $1) > (costs[$1], $0) }) {
    let rank = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
    shares[rank].append(place)
    loads[rank] += costs[place]
  }
  // The largest first leaves next to nothing to even out where there is much work.
  guard costs.count <= 1024 else { return shares.map { $0.sorted() } }
  // Each change makes the fullest rank's load smaller; the bound only keeps large batches quick.
  for _ in 0..<4 * costs.count {
    guard let change = bestChange(costs, shares, loads) else { break }
    let (from, to) = (change.from, change.to)
    let given = shares[from].remove(at: change.given)
    let taken = change.taken.map { shares[to].remove(at: $0) }
    shares[to].append(given)
    if let taken { shares[from].append(taken) }
    let moved = costs[given] - (taken.map { costs[$0] } ?? 0)
    loads[from] -= moved
    loads[to] += moved
  }
  return shares.map { $0.sorted() }
}

private struct Change {
  var from: Int
  var to: Int
  /// A place in the share of `from`.
  var given: Int
  /// A place in the share of `to`, or nil where the work just moves.
  var taken: Int?
}

/// The move or exchange between the fullest rank and another that leaves the larger of both loads smallest.
private func bestChange(_ costs: [Int], _ shares: [[Int]], _ loads: [Int]) -> Change? {
  guard let from = loads.indices.max(by: { (loads[$0], $1) < (loads[$1], $0) }) else { return nil }
  var best: (load: Int, change: Change)?
  for to in loads.indices where to != from {
    for given in shares[from].indices {
      for taken in [nil] + shares[to].indices.map(Optional.some) {
        let moved = costs[shares[from][given]] - (taken.map { costs[shares[to][$0]] } ?? 0)
        let load = max(loads[from] - moved, loads[to] + moved)
        if load < best?.load ?? loads[from] {
          best = (load, Change(from: from, to: to, given: given, taken: taken))
        }
      }
    }
  }
  return best?.change
}
