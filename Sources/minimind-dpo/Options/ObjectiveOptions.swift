import ArgumentParser
import DPO
import Training

/// What is minimised, under the names of TRL's `DPOConfig`, `CPOConfig` and `ORPOConfig`.
struct ObjectiveArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Strength of the pull towards the reference model.", valueName: "β"))
  var beta = 0.1

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      """
      The loss, or several whose sum is minimised: \(Objective.all.map(\.name).joined(separator: ", ")). (default: sigmoid, \
      which is DPO)
      """, valueName: "name …"))
  var lossType: [LossNames] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("What each loss is multiplied with. (default: 1 each)", valueName: "weight …"))
  var lossWeights: [NumberList] = []

  @Option(help: ArgumentHelp("Probability that a preference is the wrong way round, 0 to 0.5.", valueName: "ε"))
  var labelSmoothing = 0.0

  @Option(
    help: ArgumentHelp(
      "Divergence from the reference: \(Divergence.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var fDivergenceType = Divergence.reverseKL

  @Option(help: ArgumentHelp("α of alpha_divergence.", valueName: "α"))
  var fAlphaDivergenceCoef = 0.5

  @Flag(help: "Multiply the loss of a pair by how probable the policy finds its answers (WPO).")
  var useWeighting = false

  @Option(
    help: ArgumentHelp(
      "What each token after the length of the pair's shorter answer counts, 0 to 1 (LD-DPO). (default: 1)",
      valueName: "α"))
  var ldAlpha: Double?

  @Option(
    help: ArgumentHelp("Adds the sft loss with this weight (RPO); the same as sft in --loss-type.", valueName: "weight")
  )
  var rpoAlpha: Double?

  @Option(help: ArgumentHelp("τ of discopop.", valueName: "τ"))
  var discopopTau = 0.05

  @Option(help: ArgumentHelp("What the log-likelihood of the chosen answers counts in cpo.", valueName: "α"))
  var cpoAlpha = 1.0

  @Option(help: ArgumentHelp("The margin that simpo aims at.", valueName: "γ"))
  var simpoGamma = 0.5

  @Option(
    help: ArgumentHelp(
      "What dpop asks for a chosen answer that becomes less probable than at the start.", valueName: "λ"))
  var dpopLambda = 50.0

  func validate() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw ValidationError(message) }
    }
    try require(beta > 0 && beta.isFinite, "--beta must be above 0.")
    try require((0..<0.5).contains(labelSmoothing), "--label-smoothing must lie between 0 and 0.5, 0.5 excluded.")
    try require(fAlphaDivergenceCoef.isFinite, "--f-alpha-divergence-coef must be a number.")
    try require(ldAlpha.map { (0...1).contains($0) } ?? true, "--ld-alpha must lie between 0 and 1.")
    try require(rpoAlpha.map { $0 >= 0 && $0.isFinite } ?? true, "--rpo-alpha must not be negative.")
    try require(discopopTau > 0 && discopopTau.isFinite, "--discopop-tau must be above 0.")
    try require(cpoAlpha >= 0 && cpoAlpha.isFinite, "--cpo-alpha must not be negative.")
    try require(simpoGamma.isFinite, "--simpo-gamma must be a number.")
    try require(dpopLambda >= 0 && dpopLambda.isFinite, "--dpop-lambda must not be negative.")
    let (names, weights) = (objectives, lossWeights.flatMap(\.values))
    try require(weights.allSatisfy(\.isFinite), "--loss-weights must be numbers.")
    try require(
      weights.isEmpty || weights.count == names.count,
      "--loss-weights has \(weights.count) numbers for the \(names.count) losses of --loss-type: it needs one for each."
    )
    try require(
      rpoAlpha == nil || !names.contains { $0.name == "sft" },
      "--rpo-alpha adds the sft loss, which --loss-type names already: give its weight with --loss-weights.")
    if let reason = loss.undefinedCombination { throw ValidationError(reason) }
  }

  /// The loss for the trainer.
  var loss: PreferenceLoss {
    let weights = lossWeights.flatMap(\.values)
    var parts = objectives.enumerated().map { place, objective in
      PreferenceLoss.Part(objective, weight: place < weights.count ? weights[place] : 1)
    }
    if let rpoAlpha, let sft = Objective(named: "sft") { parts.append(.init(sft, weight: rpoAlpha)) }
    var loss = PreferenceLoss(parts, beta: beta, labelSmoothing: labelSmoothing)
    (loss.divergence, loss.divergenceCoefficient) = (fDivergenceType, fAlphaDivergenceCoef)
    (loss.weighsPairs, loss.excessTokenWeight) = (useWeighting, ldAlpha)
    (loss.discopopTau, loss.cpoAlpha) = (discopopTau, cpoAlpha)
    (loss.simpoGamma, loss.dpopLambda) = (simpoGamma, dpopLambda)
    return loss
  }

  /// The settings under the names of their options, for `config.yaml`.
  var settings: [(name: String, value: (any CustomStringConvertible)?)] {
    [
      ("beta", beta), ("loss-type", objectives.map(\.name).joined(separator: ",")),
      (
        "loss-weights", lossWeights.isEmpty ? nil : lossWeights.flatMap(\.values).map { "\($0)" }.joined(separator: ",")
      ),
      ("label-smoothing", labelSmoothing), ("f-divergence-type", fDivergenceType.rawValue),
      ("f-alpha-divergence-coef", fDivergenceType == .alpha ? fAlphaDivergenceCoef : nil),
      ("use-weighting", useWeighting ? true : nil), ("ld-alpha", ldAlpha), ("rpo-alpha", rpoAlpha),
    ] + constants
  }

  /// Constants that only some objectives have.
  private var constants: [(name: String, value: (any CustomStringConvertible)?)] {
    let all: [(objective: String, option: String, value: Double)] = [
      ("discopop", "discopop-tau", discopopTau), ("cpo", "cpo-alpha", cpoAlpha), ("simpo", "simpo-gamma", simpoGamma),
      ("dpop", "dpop-lambda", dpopLambda),
    ]
    return all.filter { constant in objectives.contains { $0.name == constant.objective } }.map {
      ($0.option, $0.value)
    }
  }

  /// The names of the losses with plus signs between: `sigmoid+sft`.
  var lossName: String { objectives.map(\.name).joined(separator: "+") }

  private var objectives: [Objective] {
    lossType.isEmpty ? [.sigmoid] : lossType.flatMap(\.objectives)
  }
}

/// Names of losses as one word of the command line holds them: one, or several with commas or plus signs between.
struct LossNames: ExpressibleByArgument {
  let objectives: [Objective]

  init?(argument: String) {
    let names = argument.split(whereSeparator: { ",+ ".contains($0) })
    let known = names.compactMap { Objective(named: String($0)) }
    guard !known.isEmpty, known.count == names.count else { return nil }
    objectives = known
  }

  static var allValueStrings: [String] { Objective.all.map(\.name) }
}

extension Divergence: ExpressibleByArgument {}
