/// Which objectives and modifiers belong together.
extension PreferenceLoss {
  /// Why this combination is not defined, in a sentence with the options' names; nil where it is.
  ///
  /// The rules are TRL's (1.16, `DPOTrainer.__init__`), and the papers' where TRL has no rule.
  public var undefinedCombination: String? {
    guard !parts.isEmpty else { return "--loss-type names no loss." }
    func names(without trait: Objective.Traits) -> String? {
      let lacking = parts.map(\.objective).filter { !$0.traits.contains(trait) }.map(\.name)
      return lacking.isEmpty ? nil : lacking.joined(separator: ", ")
    }
    let smoothings = parts.map(\.objective.smoothing)
    if labelSmoothing > 0, smoothings.allSatisfy({ $0 == .none }) {
      return "--label-smoothing is not defined for \(parts.map(\.objective.name).joined(separator: ", "))."
    }
    if labelSmoothing == 0, let part = parts.first(where: { $0.objective.smoothing == .required }) {
      return
        "\(part.objective.name) needs a --label-smoothing above 0, which it takes the logarithm of; its paper uses 1e-3."
    }
    if divergence != .reverseKL, let names = names(without: .divergence) {
      return
        "--f-divergence-type \(divergence.rawValue) is not defined for \(names): beyond the difference of both sides an unknown "
        + "constant of the divergence remains."
    }
    if weighsPairs, let names = names(without: .weighting) {
      return "--use-weighting is not defined for \(names): it has no loss of single pairs to weigh."
    }
    if excessTokenWeight != nil, let names = names(without: .tokenSums) {
      return
        "--ld-alpha is not defined for \(names): it is made of means over tokens, or has no reference to weigh alike."
    }
    return nil
  }
}
