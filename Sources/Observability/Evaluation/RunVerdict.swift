/// What became of a model in a run, in words. A pure function of the evidence.
///
/// The limits are rules of thumb, on the cautious side: what chance could have done is not called a finding.
public struct RunVerdict: Sendable {
  /// A finding.
  public enum Finding: String, Hashable, Sendable, CaseIterable {
    /// Answers to fixed prompts broke down.
    case broke
    /// The watched texts became less likely.
    case forgot
    /// The model prefers, or gives, longer answers rather than better ones.
    case lengthened
    /// Training pairs are told apart much better than held-out ones.
    case memorised
    /// Held-out pairs are told apart better than by chance.
    case learned
    /// Held-out pairs are told apart worse than by chance, or than before.
    case worsened
    /// Held-out pairs do not tell: chance could have done it.
    case undecided
    /// There are no held-out pairs.
    case unmeasured
  }

  /// The findings, with the sentence on each, the gravest first.
  public let findings: [(finding: Finding, sentence: String)]

  /// The verdict on a run.
  public init(_ evidence: RunEvidence) {
    findings = [Self.broke, Self.forgot, Self.lengthened, Self.memorised, Self.preferences].compactMap { $0(evidence) }
  }

  /// All sentences.
  public var text: String {
    "Verdict: " + findings.map(\.finding).map(Self.word).joined(separator: ", ") + ". "
      + findings.map(\.sentence).joined(separator: " ")
  }

  /// Whether it is among the findings.
  public func holds(_ finding: Finding) -> Bool { findings.contains { $0.finding == finding } }

  private static func word(_ finding: Finding) -> String {
    switch finding {
    case .broke: "the answers broke down"
    case .forgot: "it forgot"
    case .lengthened: "it went for length"
    case .memorised: "it memorised"
    case .learned: "it learned"
    case .worsened: "it got worse"
    case .undecided: "one cannot tell whether it learned"
    case .unmeasured: "not measured whether it learned"
    }
  }
}

extension RunVerdict {
  private typealias Judged = (finding: Finding, sentence: String)

  private static func broke(_ evidence: RunEvidence) -> Judged? {
    guard let answers = evidence.answers, !answers.degeneration.isEmpty else { return nil }
    return (
      .broke,
      "Its \(HumanText.counted(answers.count, "answer")) to the sample prompts broke down: "
        + answers.degeneration.joined(separator: "; ") + ". Lower the learning rate, or take an earlier checkpoint."
    )
  }

  /// Two percent of the loss per token, and more than the texts' own variation explains.
  private static func forgot(_ evidence: RunEvidence) -> Judged? {
    guard let guarded = evidence.guarded, guarded.before > 0 else { return nil }
    let part = (guarded.after - guarded.before) / guarded.before
    guard part >= 0.02, guarded.change.map({ $0.low > 0 }) ?? true else { return nil }
    let interval = guarded.change.map {
      " (95 % interval \(percent($0.low / guarded.before)) to \(percent($0.high / guarded.before)))"
    }
    return (
      .forgot,
      "The loss per token of the guard texts rose by \(percent(part))\(interval ?? ""), from "
        + "\(HumanText.fixed(guarded.before, 3)) to \(HumanText.fixed(guarded.after, 3)): what they hold is predicted worse than before."
    )
  }

  private static func lengthened(_ evidence: RunEvidence) -> Judged? {
    var sentences: [String] = []
    if let answers = evidence.answers, answers.lengthRatio >= 1.3 {
      sentences.append(
        "Its answers to the sample prompts are \(HumanText.fixed(answers.lengthRatio, 1)) times as long as the reference's."
      )
    }
    if let chosen = evidence.heldOut?.chosenLonger, let rejected = evidence.heldOut?.rejectedLonger, chosen.low > 0.5,
      rejected.high < 0.5
    {
      sentences.append(
        "It prefers the longer answer, whichever that is: the accuracy is \(said(chosen)) where the chosen answer is longer, but "
          + "\(said(rejected)) where the rejected one is.")
    }
    return sentences.isEmpty ? nil : (.lengthened, sentences.joined(separator: " "))
  }

  /// Ten points, and more than chance explains, on pairs that were seen before.
  private static func memorised(_ evidence: RunEvidence) -> Judged? {
    guard let heldOut = evidence.heldOut, let training = evidence.training,
      let seen = Estimate.wilson(successes: training.accuracy * Double(training.pairs), trials: training.pairs),
      seen.low > heldOut.accuracy.high, training.accuracy - heldOut.accuracy.value > 0.1
    else { return nil }
    return (
      .memorised,
      "On the training pairs of the last interval the accuracy was \(said(seen)) and the margin "
        + "\(HumanText.fixed(training.margin, 3)); held-out pairs do not follow. Fewer epochs, more pairs or a lower learning rate help."
    )
  }

  private static func preferences(_ evidence: RunEvidence) -> Judged? {
    guard let heldOut = evidence.heldOut else {
      return (
        .unmeasured, "Pairs that a model is trained on do not show it: keep some out of training with --eval-data."
      )
    }
    let measured =
      "On \(HumanText.counted(heldOut.pairs, "held-out pair")) the accuracy is \(said(heldOut.accuracy))"
    // From a start at chance, the accuracy itself is the change.
    let change = heldOut.accuracyChange
    let better = heldOut.accuracy.low > 0.5 && change.map { $0.low > 0 } ?? true
    let worse = heldOut.accuracy.high < 0.5 || change.map { $0.high < 0 } ?? false
    let moved = heldOut.marginChange.map {
      ", the margin changed by \(signed($0.value)) (\(signed($0.low)) to \(signed($0.high)))"
    }
    if better {
      return (.learned, "\(measured), above chance (50 %)\(moved ?? "").")
    }
    if worse {
      return (
        .worsened,
        "\(measured), \(heldOut.accuracy.high < 0.5 ? "below chance (50 %)" : "lower than before")\(moved ?? ""). Check that chosen and "
          + "rejected are not swapped."
      )
    }
    return (
      .undecided,
      "\(measured): that holds \(heldOut.accuracy.low <= 0.5 ? "chance (50 %)" : "no change") too\(moved ?? ""). More held-out pairs "
        + "narrow the interval."
    )
  }

  /// `81.0 % (95 % interval 72.2 to 87.5 %)`
  private static func said(_ estimate: Estimate) -> String {
    "\(percent(estimate.value)) (95 % interval \(HumanText.fixed(estimate.low * 100, 1)) to \(percent(estimate.high)))"
  }

  private static func percent(_ part: Double) -> String { HumanText.percent(part) }

  private static func signed(_ value: Double) -> String { (value < 0 ? "" : "+") + HumanText.fixed(value, 3) }
}
