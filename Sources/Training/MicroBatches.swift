import Preferences

/// Divides the pairs of an optimizer step into micro-batches.
///
/// - Parameters:
///   - pairs: in the order of the plan
///   - size: pairs of a micro-batch at the most
///   - tokens: tokens of a micro-batch at the most; a single pair may exceed it
func microBatches(of pairs: [TokenizedPair], size: Int, tokens: Int?) -> [[TokenizedPair]] {
  var batches: [[TokenizedPair]] = []
  var current: [TokenizedPair] = []
  var count = 0
  for pair in pairs {
    let exceeds = tokens.map { count + pair.treeLength > $0 } ?? false
    if !current.isEmpty, current.count == size || exceeds {
      batches.append(current)
      current = []
      count = 0
    }
    current.append(pair)
    count += pair.treeLength
  }
  if !current.isEmpty { batches.append(current) }
  return batches
}
