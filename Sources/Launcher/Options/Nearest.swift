/// The candidate that is spelled most like a word; nil where none is close.
///
/// The distance is that of Damerau and Levenshtein: insertions, deletions, substitutions and swaps of neighbours, each
/// counted as one. A third of the word's letters may differ, or the word may be the beginning of one candidate.
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
  let limit = max(1, word.count / 3)
  let ranked = candidates.map { ($0, distance(word, $0)) }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
  if let (best, difference) = ranked.first, difference <= limit { return best }
  guard word.count >= 4 else { return nil }
  return ranked.first { $0.0.hasPrefix(word) || (word.hasPrefix($0.0) && $0.0.count >= 4) }?.0
}

private func distance(_ first: String, _ second: String) -> Int {
  let (a, b) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
