import Preferences
import Torch

extension Trainer {
  /// Runs the passes of the remaining steps until all of their sizes are recorded, for their speed alone: `bench` measures a
  /// run that has seen its data before. Called by all ranks or none.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public func rehearse() throws {
    guard let recorded = passes as? RecordedPasses else { return }
    try gradients.begin(pairs: 1)
    for step in completedSteps + 1..<plan.totalSteps + 1 {
      for batch in packer.batches(ofStep: step).packed {
        // The first time it runs as it is; the second time it is recorded.
        try run(batch, through: recorded)
        if recorded.takeReplayed().passes == 0 { try run(batch, through: recorded) }
        _ = recorded.takeReplayed()
      }
    }
  }

  private func run(_ batch: TreeBatch, through recorded: RecordedPasses) throws {
    let couplings = options.loss.couplesPairs ? [[Double]](repeating: [], count: options.loss.couplingCount) : nil
    try recorded.run(batch, knowing: KnownScores(couplings: couplings), isLast: false) {
      [unowned self] in try learn(from: $0)
    }
  }
}
