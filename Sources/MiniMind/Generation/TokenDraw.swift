/// The draw of one token from the probabilities of all, on the host: the same for every device.
package struct TokenDraw {
  /// See `SamplingOptions`.
  private let topP: Double
  /// See `SamplingOptions`.
  private let topK: Int?

  /// A draw with these limits; see `SamplingOptions`.
  package init(topP: Double = 1, topK: Int? = nil) { (self.topP, self.topK) = (topP, topK) }

  /// The token whose part of the line from 0 to 1 holds the number; with top-k or top-p, among the tokens that these leave,
  /// whose parts are stretched over the line.
  ///
  /// - Parameters:
  ///   - probabilities: of all tokens, in the order of their ids
  ///   - number: in `0..<1`
  package func token(from probabilities: Slice<UnsafeBufferPointer<Float>>, at number: Double) -> Int {
    if topP >= 1, topK.map({ $0 >= probabilities.count }) ?? true {
      return Self.place(of: number, in: probabilities.lazy.map { Double($0) })
    }
    let kept = kept(of: probabilities)
    let whole = kept.reduce(0) { $0 + $1.probability }
    return kept[Self.place(of: number * whole, in: kept.lazy.map(\.probability))].token
  }

  /// The first place at which the sum of the parts exceeds the number; rounding may leave the sum below it, then the last place
  /// that is not empty.
  private static func place(of number: Double, in parts: some Sequence<Double>) -> Int {
    var (sum, last) = (0.0, 0)
    for (place, part) in parts.enumerated() where part > 0 {
      sum += part
      last = place
      if sum > number { break }
    }
    return last
  }

  /// The tokens that top-k and top-p leave, the most probable first; of equal ones the lower id.
  private func kept(of probabilities: Slice<UnsafeBufferPointer<Float>>) -> [(token: Int, probability: Double)] {
    var kept = likeliest(of: probabilities)
    if let topK { kept.removeLast(max(0, kept.count - topK)) }
    guard topP < 1 else { return kept }
    // A token is kept while those before it have not reached topP; the first, with 0 before it, always is.
    let whole = topK == nil ? 1 : kept.reduce(0) { $0 + $1.probability }
    var (before, count) = (0.0, 0)
    while count < kept.count, count == 0 || before < topP * whole {
      before += kept[count].probability
      count += 1
    }
    kept.removeLast(kept.count - count)
    return kept
  }

  /// The most probable tokens in order, as many as top-k and top-p may leave: a few out of thousands, so only those above a
  /// threshold are sorted.
  private func likeliest(of probabilities: Slice<UnsafeBufferPointer<Float>>) -> [(token: Int, probability: Double)] {
    let best = probabilities.reduce(0) { Swift.max($0, $1) }
    var threshold = best / 32
    while true {
      // Below this lies nothing that could be drawn.
      if threshold < best * 1e-12 { threshold = Float.leastNonzeroMagnitude }
      var (found, sum) = ([(token: Int, probability: Double)](), 0.0)
      for (token, probability) in probabilities.enumerated() where probability >= threshold {
        found.append((token, Double(probability)))
        sum += Double(probability)
      }
      let isEnough = topK.map { found.count >= $0 } ?? (sum >= topP)
      if isEnough || threshold == Float.leastNonzeroMagnitude {
        return found.sorted { ($1.probability, $0.token) < ($0.probability, $1.token) }
      }
      threshold /= 32
    }
  }
}
