/// Which trial of a sweep to take, and why.
///
/// Of all trials that the best one's interval cannot tell from it, the one that changes the model least: the smallest
/// learning rate, then the largest β, then the loss that was named first. Held-out accuracies that differ by less than
/// chance explains are no reason to move further from the reference.
public struct SweepChoice: Sendable {
  /// What the choice amounts to.
  public enum Verdict: String, Sendable {
    /// No trial went to its end.
    case nothing
    /// Even the best one cannot be told from guessing.
    case chance
    /// What the options say without a sweep is not worse than anything that was tried.
    case keepsDefault = "default"
    /// Another one is as good as what the options say without a sweep, and changes the model less.
    case equalsDefault = "as good as the default"
    /// It is better than what the options say without a sweep.
    case beatsDefault = "better than the default"
    /// What the options say without a sweep was not tried, or failed.
    case noDefault = "the default was not measured"
  }

  /// What the choice amounts to.
  public let verdict: Verdict
  /// The trial to take; nil where none is worth it.
  public let trial: SweepTrial?
  /// The trial of the highest accuracy; nil where none went to its end.
  public let best: SweepTrial?
  /// Those that cannot be told from the best one, itself included.
  public let contenders: [SweepTrial]
  private let all: [SweepTrial]
  private let standard: SweepSetting

  /// Chooses.
  ///
  /// - Parameters:
  ///   - trials: in the order in which they were asked for
  ///   - standard: what the options say without a sweep
  public init(among trials: [SweepTrial], standard: SweepSetting) {
    (all, self.standard) = (trials, standard)
    let losses = trials.map(\.setting.lossType)
    func isCalmer(_ one: SweepTrial, _ other: SweepTrial) -> Bool {
      let (one, other) = (one.setting, other.setting)
      if one.learningRate != other.learningRate { return one.learningRate < other.learningRate }
      if one.beta != other.beta { return one.beta > other.beta }
      return (losses.firstIndex(of: one.lossType) ?? 0) < (losses.firstIndex(of: other.lossType) ?? 0)
    }
    let measured = trials.filter { $0.accuracy != nil }.sorted(by: isCalmer)
    // Of equals `max` keeps the first, which is the calmest.
    let best = measured.max { ($0.accuracy?.value ?? 0) < ($1.accuracy?.value ?? 0) }
    guard let best, let bar = best.accuracy?.low else {
      (verdict, trial, self.best, contenders) = (.nothing, nil, nil, [])
      return
    }
    self.best = best
    contenders = measured.filter { ($0.accuracy?.value ?? 0) >= bar }
    guard bar > 0.5, let chosen = contenders.first else {
      (verdict, trial) = (.chance, nil)
      return
    }
    trial = chosen
    let known = measured.first { $0.setting == standard }
    if chosen.setting == standard {
      verdict = .keepsDefault
    } else if let known {
      verdict = contenders.contains(known) ? .equalsDefault : .beatsDefault
    } else {
      verdict = .noDefault
    }
  }

  /// Which to take and why, in a few sentences.
  public var text: String {
    guard let best else {
      return "No trial went to its end, so there is nothing to take: try smaller learning rates."
    }
    guard let trial else {
      return "Take none of them: even the best, \(best.setting.words), cannot be told from guessing (\(share(best))). "
        + "Try larger learning rates, more steps (--num-train-epochs) or more held-out pairs, and look at the pairs with "
        + "minimind-dpo data."
    }
    return
      (["Take \(trial.setting.options): right on \(share(trial)).", reason(trial, best), comparison(trial)]
      + edges(trial, best) + [caution(trial)]).filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// Why this one of all that are as good.
  private func reason(_ trial: SweepTrial, _ best: SweepTrial) -> String {
    let others = contenders.count - 1
    if others == 0 { return all.count > 1 ? "It is better than all others by more than chance explains." : "" }
    let calm = "the smallest learning rate, then the largest β, which change the model least"
    if trial == best {
      return "\(HumanText.counted(others, "other")) cannot be told from it; of such the choice is \(calm)."
    }
    return
      "The highest accuracy, \(share(best)) with \(best.setting.words), cannot be told from it on so many pairs; of such the "
      + "choice is \(calm)."
  }

  private func comparison(_ trial: SweepTrial) -> String {
    let known = all.first { $0.setting == standard }
    switch verdict {
    case .nothing, .chance: return ""
    case .keepsDefault: return "It is what the options say without a sweep: nothing that was tried beats it."
    case .equalsDefault:
      return
        "It does not beat what the options say without a sweep (\(standard.words)\(known.map { ": \(share($0))" } ?? "")), "
        + "and is as good."
    case .beatsDefault:
      return "It beats what the options say without a sweep (\(standard.words)\(known.map { ": \(share($0))" } ?? ""))."
    case .noDefault:
      if case .failed? = known?.ending { return "What the options say without a sweep (\(standard.words)) failed." }
      return "What the options say without a sweep (\(standard.words)) was not among the trials."
    }
  }

  /// Whether the pairs look learned by heart.
  private func caution(_ trial: SweepTrial) -> String {
    guard let margin = trial.result?.margin, margin > 5 else { return "" }
    return "Its margin, \(HumanText.fixed(margin, 1)), is large: read some of its answers before you take it."
  }

  /// What the ends of the range of rates tell.
  private func edges(_ trial: SweepTrial, _ best: SweepTrial) -> [String] {
    let rates = Set(all.map(\.setting.learningRate))
    guard rates.count > 1, let least = rates.min(), let most = rates.max() else { return [] }
    if best.setting.learningRate == most, trial == best {
      return ["No larger rate was tried; one may do better."]
    }
    if trial.setting.learningRate == least { return ["No smaller rate was tried; one may do as well."] }
    return []
  }

  private func share(_ trial: SweepTrial) -> String {
    guard let accuracy = trial.accuracy, let pairs = trial.result?.pairs else { return "no accuracy" }
    return "\(HumanText.percent(accuracy.value)) (\(accuracy.interval)) of \(HumanText.counted(pairs, "pair"))"
  }
}

extension Estimate {
  /// The interval in words: `92.9 to 98.7 %`.
  var interval: String { "\(HumanText.fixed(low * 100, 1)) to \(HumanText.percent(high))" }
}
