extension PreferenceLoss: CustomStringConvertible {
  /// The names of the objectives, with weights where they are not 1: `sigmoid + 0.2 sft`.
  public var name: String {
    parts.map { ($0.weight == 1 ? "" : "\($0.weight) ") + $0.objective.name }.joined(separator: " + ")
  }

  /// All that decides what is computed: `sigmoid, beta 0.1`.
  public var description: String {
    var words = [name, "beta \(beta)"]
    if labelSmoothing > 0 { words.append("label smoothing \(labelSmoothing)") }
    if divergence != .reverseKL { words.append(divergence.rawValue) }
    if divergence == .alpha { words.append("alpha \(divergenceCoefficient)") }
    if weighsPairs { words.append("weighted by probability (WPO)") }
    if let excessTokenWeight { words.append("excess tokens count \(excessTokenWeight)") }
    for (objective, constant, value) in [
      ("discopop", "tau", discopopTau), ("cpo", "alpha", cpoAlpha), ("simpo", "gamma", simpoGamma),
      ("dpop", "lambda", dpopLambda),
    ] where parts.contains(where: { $0.objective.name == objective }) {
      words.append("\(objective) \(constant) \(value)")
    }
    return words.joined(separator: ", ")
  }
}
