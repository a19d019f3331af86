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

  /// Which to take and why, in a few English sentences.
  public var text: String { words.en }

  /// Which to take and why, in a few sentences.
  public var words: Phrase {
    guard let best else {
      return Phrase(
        en: "No trial went to its end, so there is nothing to take: try smaller learning rates.",
        zh: "没有一次试验完成，因此没有可选的：请试试更小的学习率。")
    }
    guard let trial else {
      let (setting, share) = (best.setting.phrase, share(best))
      return Phrase(
        en:
          "Take none of them: even the best, \(setting.en), cannot be told from guessing (\(share.en)). Try larger learning "
          + "rates, more steps (--num-train-epochs) or more held-out pairs, and look at the pairs with minimind-dpo data.",
        zh: "一个都不要选：即使是最好的（\(setting.zh)），也与瞎猜没有区别（\(share.zh)）。请试试更大的学习率、更多步数"
          + "（--num-train-epochs）或更多留出数据，并用 minimind-dpo data 检查偏好对。")
    }
    let share = share(trial)
    let head = Phrase(
      en: "Take \(trial.setting.options): right on \(share.en).", zh: "请选 \(trial.setting.options)：判断正确 \(share.zh)。")
    return ([head, reason(trial, best), comparison(trial)] + [edge(trial, best), caution(trial)]).compactMap(\.self)
      .joinedSentences
  }

  /// Why this one of all that are as good.
  private func reason(_ trial: SweepTrial, _ best: SweepTrial) -> Phrase? {
    let others = contenders.count - 1
    if others == 0 {
      guard all.count > 1 else { return nil }
      return Phrase(
        en: "It is better than all others by more than chance explains.", zh: "它比其他的都好，差距超出偶然。")
    }
    let calm = Phrase(
      en: "the smallest learning rate, then the largest β, which change the model least",
      zh: "学习率最小的，其次 β 最大的，因为这样对模型的改变最小")
    if trial == best {
      return Phrase(
        en: "\(HumanText.counted(others, "other")) cannot be told from it; of such the choice is \(calm.en).",
        zh: "另有 \(others) 个与它分不出高下；其中选\(calm.zh)。")
    }
    let (share, setting) = (share(best), best.setting.phrase)
    return Phrase(
      en:
        "The highest accuracy, \(share.en) with \(setting.en), cannot be told from it on so many pairs; of such the choice is "
        + "\(calm.en).",
      zh: "准确率最高的是 \(share.zh)（\(setting.zh)），但凭这些偏好对与它分不出高下；其中选\(calm.zh)。")
  }

  private func comparison(_ trial: SweepTrial) -> Phrase? {
    let known = all.first { $0.setting == standard }
    let setting = standard.phrase
    let share = known.map(share)
    let shown = Phrase(
      en: "\(setting.en)\(share.map { ": \($0.en)" } ?? "")", zh: "\(setting.zh)\(share.map { "：\($0.zh)" } ?? "")")
    switch verdict {
    case .nothing, .chance: return nil
    case .keepsDefault:
      return Phrase(
        en: "It is what the options say without a sweep: nothing that was tried beats it.",
        zh: "这正是不扫描时选项给出的设置：试过的都没有超过它。")
    case .equalsDefault:
      return Phrase(
        en: "It does not beat what the options say without a sweep (\(shown.en)), and is as good.",
        zh: "它没有超过不扫描时选项给出的设置（\(shown.zh)），但同样好。")
    case .beatsDefault:
      return Phrase(
        en: "It beats what the options say without a sweep (\(shown.en)).", zh: "它超过了不扫描时选项给出的设置（\(shown.zh)）。")
    case .noDefault:
      if case .failed? = known?.ending {
        return Phrase(
          en: "What the options say without a sweep (\(setting.en)) failed.", zh: "不扫描时选项给出的设置（\(setting.zh)）失败了。")
      }
      return Phrase(
        en: "What the options say without a sweep (\(setting.en)) was not among the trials.",
        zh: "不扫描时选项给出的设置（\(setting.zh)）不在试验之中。")
    }
  }

  /// Whether the pairs look learned by heart.
  private func caution(_ trial: SweepTrial) -> Phrase? {
    guard let margin = trial.result?.margin, margin > 5 else { return nil }
    return Phrase(
      en: "Its margin, \(HumanText.fixed(margin, 1)), is large: read some of its answers before you take it.",
      zh: "它的奖励差 \(HumanText.fixed(margin, 1)) 很大：采用之前请读一些它的回答。")
  }

  /// What the ends of the range of rates tell.
  private func edge(_ trial: SweepTrial, _ best: SweepTrial) -> Phrase? {
    let rates = Set(all.map(\.setting.learningRate))
    guard rates.count > 1, let least = rates.min(), let most = rates.max() else { return nil }
    if best.setting.learningRate == most, trial == best {
      return Phrase(en: "No larger rate was tried; one may do better.", zh: "没有试过更大的学习率，也许会更好。")
    }
    guard trial.setting.learningRate == least else { return nil }
    return Phrase(en: "No smaller rate was tried; one may do as well.", zh: "没有试过更小的学习率，也许同样好。")
  }

  private func share(_ trial: SweepTrial) -> Phrase {
    guard let accuracy = trial.accuracy, let pairs = trial.result?.pairs else {
      return Phrase(en: "no accuracy", zh: "没有准确率")
    }
    let value = HumanText.percent(accuracy.value)
    return Phrase(
      en: "\(value) (\(accuracy.interval.en)) of \(HumanText.counted(pairs, "pair"))",
      zh: "\(value)（\(accuracy.interval.zh)，共 \(HumanText.grouped(pairs)) 个偏好对）")
  }
}

extension Estimate {
  /// The interval in words: `92.9 to 98.7 %`.
  var interval: Phrase {
    let (low, high) = (HumanText.fixed(low * 100, 1), HumanText.percent(high))
    return Phrase(en: "\(low) to \(high)", zh: "\(low) 至 \(high)")
  }
}
