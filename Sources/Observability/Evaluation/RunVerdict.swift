/// What became of a model in a run, in words. A pure function of the evidence.
///
/// The limits are rules of thumb, on the cautious side: what chance could have done is not called a finding.
public struct RunVerdict: Sendable {
  /// A finding.
  public enum Finding: String, Hashable, Sendable, CaseIterable {
    /// Answers to fixed prompts broke down.
    case broke
    /// The margin is so large that the model often talks nonsense.
    case drifted
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
  public let findings: [(finding: Finding, sentence: Phrase)]

  /// The verdict on a run.
  public init(_ evidence: RunEvidence) {
    findings = [Self.broke, Self.drifted, Self.forgot, Self.lengthened, Self.memorised, Self.preferences].compactMap {
      $0(evidence)
    }
  }

  /// What became of it, in a few words.
  public var words: Phrase {
    // Telling pairs apart is no success of a model that may have lost its language over it.
    let told = findings.filter { !($0.finding == .learned && holds(.drifted)) }
    let words = told.map { Self.word($0.finding) }
    return Phrase(en: words.map(\.en).joined(separator: ", "), zh: words.map(\.zh).joined(separator: "，"))
  }

  /// All sentences.
  public var sentences: Phrase { findings.map(\.sentence).joinedSentences }

  /// All of it, in the language of this process's messages.
  public var text: String { (Phrase(en: "Verdict: ", zh: "结论：") + words + Phrase(en: ". ", zh: "。") + sentences).text }

  /// Whether it is among the findings.
  public func holds(_ finding: Finding) -> Bool { findings.contains { $0.finding == finding } }

  private static func word(_ finding: Finding) -> Phrase {
    switch finding {
    case .broke: Phrase(en: "the answers broke down", zh: "回答已退化")
    case .drifted: Phrase(en: "it went too far from its reference", zh: "偏离参考模型过远")
    case .forgot: Phrase(en: "it forgot", zh: "有所遗忘")
    case .lengthened: Phrase(en: "it went for length", zh: "学成了偏爱长回答")
    case .memorised: Phrase(en: "it memorised", zh: "只是记住了训练数据")
    case .learned: Phrase(en: "it learned", zh: "学到了偏好")
    case .worsened: Phrase(en: "it got worse", zh: "变差了")
    case .undecided: Phrase(en: "one cannot tell whether it learned", zh: "无法判断是否学到了")
    case .unmeasured: Phrase(en: "not measured whether it learned", zh: "没有测量是否学到了")
    }
  }
}

extension RunVerdict {
  private typealias Judged = (finding: Finding, sentence: Phrase)

  private static func broke(_ evidence: RunEvidence) -> Judged? {
    guard let answers = evidence.answers, !answers.degeneration.isEmpty else { return nil }
    let how = answers.degeneration.joined(separator: "; ")
    return (
      .broke,
      Phrase(
        en:
          "Its \(HumanText.counted(answers.count, "answer")) to the sample prompts broke down: \(how). Lower the learning "
          + "rate, or take an earlier checkpoint.",
        zh: "对抽样提示的 \(answers.count) 个回答已退化：\(how)。请降低学习率，或改用较早的检查点。")
    )
  }

  /// A margin at which the sigmoid is flat to seven digits: nothing held the model back any more.
  private static func drifted(_ evidence: RunEvidence) -> Judged? {
    guard let margin = evidence.heldOut?.margin, abs(margin) > RunSummary.largestMargin else { return nil }
    let (reached, limit) = (HumanText.short(margin), HumanText.short(RunSummary.largestMargin))
    return (
      .drifted,
      Phrase(
        en:
          "The margin is \(reached), far beyond \(limit): such a model tells pairs apart and often talks nonsense. Read its "
          + "answers; a lower learning rate helps.",
        zh: "奖励差为 \(reached)，远超 \(limit)：这样的模型能分辨偏好对，却往往胡言乱语。请读它的回答；降低学习率会有帮助。")
    )
  }

  /// Two percent of the loss per token, and more than the texts' own variation explains.
  private static func forgot(_ evidence: RunEvidence) -> Judged? {
    guard let guarded = evidence.guarded, guarded.before > 0 else { return nil }
    let part = (guarded.after - guarded.before) / guarded.before
    guard part >= 0.02, guarded.change.map({ $0.low > 0 }) ?? true else { return nil }
    let ends =
      guarded.change.map {
        interval(HumanText.percent($0.low / guarded.before), HumanText.percent($0.high / guarded.before))
      } ?? Phrase("")
    let (before, after) = (HumanText.fixed(guarded.before, 3), HumanText.fixed(guarded.after, 3))
    return (
      .forgot,
      Phrase(
        en:
          "The loss per token of the guard texts rose by \(percent(part))\(ends.en), from \(before) to \(after): what "
          + "they hold is predicted worse than before.",
        zh: "守护文本的每 token 损失上升了 \(percent(part))\(ends.zh)，从 \(before) 到 \(after)：模型对这些内容的预测比训练前差。")
    )
  }

  private static func lengthened(_ evidence: RunEvidence) -> Judged? {
    var sentences: [Phrase] = []
    if let answers = evidence.answers, answers.lengthRatio >= 1.3 {
      let ratio = HumanText.fixed(answers.lengthRatio, 1)
      sentences.append(
        Phrase(
          en: "Its answers to the sample prompts are \(ratio) times as long as the reference's.",
          zh: "对抽样提示的回答长度是参考模型的 \(ratio) 倍。"))
    }
    if let chosen = evidence.heldOut?.chosenLonger, let rejected = evidence.heldOut?.rejectedLonger, chosen.low > 0.5,
      rejected.high < 0.5
    {
      sentences.append(
        Phrase(
          en:
            "It prefers the longer answer, whichever that is: the accuracy is \(said(chosen).en) where the chosen answer is "
            + "longer, but \(said(rejected).en) where the rejected one is.",
          zh: "不论哪一方，模型总是偏爱较长的回答：优选回答较长时准确率为 \(said(chosen).zh)，而劣选回答较长时只有 \(said(rejected).zh)。"))
    }
    return sentences.isEmpty ? nil : (.lengthened, sentences.joinedSentences)
  }

  /// Ten points, and more than chance explains, on pairs that were seen before.
  private static func memorised(_ evidence: RunEvidence) -> Judged? {
    guard let heldOut = evidence.heldOut, let training = evidence.training,
      let seen = Estimate.wilson(successes: training.accuracy * Double(training.pairs), trials: training.pairs),
      seen.low > heldOut.accuracy.high, training.accuracy - heldOut.accuracy.value > 0.1
    else { return nil }
    let margin = HumanText.fixed(training.margin, 3)
    return (
      .memorised,
      Phrase(
        en:
          "On the training pairs of the last interval the accuracy was \(said(seen).en) and the margin \(margin); held-out "
          + "pairs do not follow. Fewer epochs, more pairs or a lower learning rate help.",
        zh: "最后一段训练偏好对上的准确率为 \(said(seen).zh)，奖励差为 \(margin)，留出的偏好对却没有跟上。减少轮数、增加偏好对或降低学习率会有帮助。")
    )
  }

  private static func preferences(_ evidence: RunEvidence) -> Judged? {
    guard let heldOut = evidence.heldOut else {
      return (
        .unmeasured,
        Phrase(
          en: "Pairs that a model is trained on do not show it: keep some out of training with --eval-data.",
          zh: "训练过的偏好对说明不了这一点：请用 --eval-data 留出一部分。")
      )
    }
    let accuracy = said(heldOut.accuracy)
    let measured = Phrase(
      en: "On \(HumanText.counted(heldOut.pairs, "held-out pair")) the accuracy is \(accuracy.en)",
      zh: "在 \(HumanText.grouped(heldOut.pairs)) 个留出的偏好对上，准确率为 \(accuracy.zh)")
    // From a start at chance, the accuracy itself is the change.
    let change = heldOut.accuracyChange
    let better = heldOut.accuracy.low > 0.5 && change.map { $0.low > 0 } ?? true
    let worse = heldOut.accuracy.high < 0.5 || change.map { $0.high < 0 } ?? false
    let moved =
      heldOut.marginChange.map { change in
        let (value, low, high) = (signed(change.value), signed(change.low), signed(change.high))
        return Phrase(
          en: ", the margin changed by \(value) (\(low) to \(high))", zh: "，奖励差变化 \(value)（\(low) 至 \(high)）")
      } ?? Phrase("")
    if better {
      return (
        .learned, measured + Phrase(en: ", above chance (50 %)", zh: "，高于随机水平（50 %）") + moved + Phrase(en: ".", zh: "。")
      )
    }
    if worse {
      let below = heldOut.accuracy.high < 0.5
      return (
        .worsened,
        measured
          + Phrase(
            en: ", \(below ? "below chance (50 %)" : "lower than before")", zh: "，\(below ? "低于随机水平（50 %）" : "比训练前低")")
          + moved + Phrase(en: ". Check that chosen and rejected are not swapped.", zh: "。请检查优选与劣选是否弄反。")
      )
    }
    let unclear = heldOut.accuracy.low <= 0.5
    return (
      .undecided,
      measured
        + Phrase(
          en: ": that holds \(unclear ? "chance (50 %)" : "no change") too",
          zh: "：置信区间也包含\(unclear ? "随机水平（50 %）" : "没有变化")")
        + moved + Phrase(en: ". More held-out pairs narrow the interval.", zh: "。留出更多偏好对可以缩小置信区间。")
    )
  }

  /// `81.0 % (95 % interval 72.2 to 87.5 %)`
  private static func said(_ estimate: Estimate) -> Phrase {
    Phrase(percent(estimate.value)) + interval(HumanText.fixed(estimate.low * 100, 1), percent(estimate.high))
  }

  private static func interval(_ low: String, _ high: String) -> Phrase {
    Phrase(en: " (95 % interval \(low) to \(high))", zh: "（95 % 置信区间 \(low) 至 \(high)）")
  }

  private static func percent(_ part: Double) -> String { HumanText.percent(part) }

  private static func signed(_ value: Double) -> String { (value < 0 ? "" : "+") + HumanText.fixed(value, 3) }
}
