import Torch

// Objectives that compare distributions over the whole global batch instead of the two sides of each pair.
extension Objective {
  static let coupledObjectives = [aot, aotUnpaired]

  private static let sorted: Traits = [.reference, .tokenSums]

  /// The sigmoid loss of β · (sort(log π_w − log π_l) − sort(log π_ref,w − log π_ref,l))
  ///
  /// A pair of rank k is compared with the reference's difference of rank k, which its coupling hands it.
  public static let aot = Objective(
    "aot", "AOT (Melnyk et al., 2024, arXiv:2406.05882), sorted over the global batch", sorted, smoothing: .optional,
    coupling: Coupling(count: 1) { t throws(TorchError) in
      let (policy, reference) = (try difference(t, \.logProbability), try difference(t, \.reference))
      return [try reference.inTheRanks(of: policy)]
    }
  ) { t throws(TorchError) in try t.smoothed(t.beta * (difference(t, \.logProbability) - t.couplings[0])) }

  /// The sigmoid loss of β · (sort(r_w) − sort(r_l))
  ///
  /// The coupling hands each chosen side the rejected log-ratio of its rank, and each rejected side the chosen one. A term has
  /// gradients through both of its sides, which here belong to different pairs. So each pair has the gradients of both its
  /// terms, and half the value of each.
  static let aotUnpaired = Objective(
    "aot_unpaired", "AOT for unpaired answers (the same paper), sorted over the global batch", sorted,
    smoothing: .optional,
    coupling: Coupling(count: 2) { t throws(TorchError) in
      let (chosen, rejected) = (t.chosen.logRatio, t.rejected.logRatio)
      return [try rejected.inTheRanks(of: chosen), try chosen.inTheRanks(of: rejected)]
    }
  ) { t throws(TorchError) in
    let ofChosen = try t.smoothed(t.beta * (t.chosen.logRatio - t.couplings[0]))
    let ofRejected = try t.smoothed(t.beta * (t.couplings[1] - t.rejected.logRatio))
    let both = try ofChosen + ofRejected
    return try both - 0.5 * both.detached()
  }

  private static func difference(_ t: Terms, _ quantity: KeyPath<Terms.Side, Tensor>) throws(TorchError) -> Tensor {
    try t.chosen[keyPath: quantity] - t.rejected[keyPath: quantity]
  }
}

extension Tensor {
  /// For each element of another tensor, the element of this one that has the same rank.
  fileprivate func inTheRanks(of other: Tensor) throws(TorchError) -> Tensor {
    let ranks = try other.detached().sorted(0).indices.sorted(0).indices
    return try detached().sorted(0).values.indexSelect(0, ranks)
  }
}
