import DPO
import Preferences
import Torch

/// Losses that tie the pairs of a global batch together need to know all of them before the first gradient.
extension Trainer {
  /// What is known of each micro-batch before its pass: nothing, or, where the loss ties pairs together and the step has
  /// several micro-batches, what a first pass without gradients found in all of them.
  ///
  /// - Returns: one for each micro-batch; and the shortage of memory, if this process had too little for one of them. It still
  ///   takes part in the exchange with the other ranks.
  func knownScores(of batches: StepBatches) throws -> (known: [KnownScores], MemoryShortage?) {
    let nothing = [KnownScores](repeating: KnownScores(), count: batches.packed.count)
    let isWhole = ranks == nil && batches.packed.count == 1 && passes is PlainPasses
    guard options.loss.couplesPairs, !isWhole else { return (nothing, nil) }

    var columns = ScoreColumns(pairs: batches.pairCount)
    let shortage = try forEach(batches.packed) { packed, number in
      let batch = try DeviceBatch(packed, device: device)
      clock.enter(.reference)
      let reference = try reference?.logProbabilities(batch, of: packed.pairIndices)
      clock.enter(.forward)
      // As the pass that learns will have it.
      try prepareDropout(step: completedSteps + 1, place: number)
      var scores: SideScores?
      try withDropout { () throws(TorchError) in
        scores = try withoutGrad { () throws(TorchError) in
          try policy.sideScores(batch, excessTokenWeight: options.loss.excessTokenWeight)
        }
      }
      guard let scores else { return }
      try columns.set(batches.places[number], scores, reference, lengths: batch.targetCounts)
    }
    clock.enter(.communication)
    columns.numbers = try ranks.sum(columns.numbers)
    if let shortage { return (nothing, shortage) }

    guard let couplings = try options.loss.couplings(of: columns.scores(hasReference: reference != nil)) else {
      return (nothing, nil)
    }
    let rows = try (0..<options.loss.couplingCount).map { try couplings.select(0, $0).array(Double.self) }
    return (
      batches.places.map { own in
        KnownScores(
          reference: reference == nil ? nil : columns.reference(of: own),
          couplings: rows.map { row in own.map { row[$0] } })
      }, nil
    )
  }
}

/// The numbers of all pairs of a global batch in one array, which ranks add up: each fills in its own pairs.
private struct ScoreColumns {
  /// log π, log π_ref and the number of target tokens, of the chosen sides and then of the rejected ones.
  private static let quantities = 3

  let pairs: Int
  var numbers: [Double]

  init(pairs: Int) {
    self.pairs = pairs
    numbers = [Double](repeating: 0, count: Self.quantities * 2 * pairs)
  }

  /// Fills in the sides of pairs, by their places in the global batch.
  mutating func set(_ places: [Int], _ policy: SideScores, _ reference: Tensor?, lengths: Tensor) throws(TorchError) {
    for (column, tensor) in [policy.logProbabilities, reference, lengths].enumerated() {
      guard let values = try tensor?.to(.float64).array(Double.self) else { continue }
      for (own, place) in places.enumerated() {
        numbers[column * 2 * pairs + place] = values[own]
        numbers[column * 2 * pairs + pairs + place] = values[places.count + own]
      }
    }
  }

  /// log π_ref of both sides of pairs, chosen sides first.
  func reference(of places: [Int]) -> [Double] {
    let column = self.column(1)
    return places.map { column[column.startIndex + $0] } + places.map { column[column.startIndex + pairs + $0] }
  }

  func scores(hasReference: Bool) throws(TorchError) -> PairScores {
    func tensor(_ column: Int) throws(TorchError) -> Tensor { try Tensor(Array(self.column(column))) }
    return PairScores(
      policy: try SideScores(logProbabilities: tensor(0)), reference: hasReference ? try tensor(1) : nil,
      lengths: try tensor(2))
  }

  private func column(_ number: Int) -> ArraySlice<Double> {
    numbers[number * 2 * pairs..<(number + 1) * 2 * pairs]
  }
}
