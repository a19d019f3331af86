/// How often something happens in a run.
enum Interval {
  /// Every this many optimizer steps.
  case steps(Int)
  /// At the end of every epoch.
  case epoch

  /// The number of optimizer steps.
  ///
  /// - Parameter stepsPerEpoch: the optimizer steps of an epoch
  func steps(perEpoch stepsPerEpoch: Int) -> Int {
    switch self {
    case .steps(let count): count
    case .epoch: stepsPerEpoch
    }
  }
}
