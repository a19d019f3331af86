import Foundation

extension RunSummary.Snapshot {
  /// Whether policy and reference are still the same model: every margin is zero, and an accuracy means nothing.
  var isStart: Bool { RewardMargin.isNone(margin) }

  /// The accuracy to compare with: half the pairs where rewards are all 0, of which none is the larger one.
  var fairAccuracy: Double { isStart ? 0.5 : accuracy }
}

extension RunSummary {
  /// What a careful friend would point out, each a paragraph. Empty when the run looks healthy.
  ///
  /// The limits are rules of thumb, on the cautious side; each sentence gives the numbers it rests on.
  public var warnings: [String] {
    guard let before, let after else { return [] }
    guard after.loss.isFinite, after.margin.isFinite else {
      let rate = HumanText.short(learningRate)
      return [
        Phrase(
          en: "Warning: the loss is no longer a finite number, so the result is useless. Lower the learning rate "
            + "(\(rate)), keep --max-grad-norm on, and prefer bf16 or fp32 to fp16.",
          zh: "警告：损失已不是有限的数，结果不能用。请降低学习率（\(rate)），保留 --max-grad-norm，并优先使用 bf16 或 fp32 而不是 fp16。"
        ).text
      ]
    }
    return [explodedMargin(after), worseAccuracy(before, after), stillAccuracy(before, after), fallenChosen(after)]
      .compactMap { $0 }.map { (Phrase(en: "Warning: ", zh: "警告：") + $0).text }
  }

  /// At a margin of 15 the sigmoid is flat to seven digits: pairs are memorised, and the model has moved far from its
  /// reference.
  private func explodedMargin(_ after: Snapshot) -> Phrase? {
    guard abs(after.margin) > Self.largestMargin else { return nil }
    let (margin, limit) = (HumanText.short(after.margin), HumanText.short(Self.largestMargin))
    let (rate, beta) = (HumanText.short(learningRate), HumanText.short(beta))
    return Phrase(
      en:
        "the margin grew to \(margin), beyond \(limit). The model has moved very far from its reference and often talks "
        + "nonsense then. Read some of its answers; if they are bad, lower the learning rate (\(rate)), train fewer steps, or "
        + "raise beta (\(beta)).",
      zh: "奖励差增大到 \(margin)，超过了 \(limit)。模型已远离参考模型，这时往往会胡言乱语。请读几个回答；若不好，请降低学习率（\(rate)）、减少步数，或增大 "
        + "beta（\(beta)）。")
  }

  static let largestMargin = 15.0

  private func worseAccuracy(_ before: Snapshot, _ after: Snapshot) -> Phrase? {
    guard after.fairAccuracy < before.fairAccuracy - max(0.05, accuracyNoise ?? 0) else { return nil }
    let accuracy = HumanText.percent(after.accuracy)
    return Phrase(
      en: "the accuracy went down, to \(accuracy). Check that chosen and rejected are not swapped in the data "
        + "(`minimind-dpo data --show 5`), then try a lower learning rate.",
      zh: "准确率下降到了 \(accuracy)。请检查数据中优选与劣选是否弄反（minimind-dpo data --show 5），再尝试更低的学习率。")
  }

  /// AdamW moves a weight by about the learning rate in a step at most, which makes a useful bound.
  private func stillAccuracy(_ before: Snapshot, _ after: Snapshot) -> Phrase? {
    let start = before.fairAccuracy
    // A model that already prefers nine in ten has little room; one whose margin grew is on its way.
    guard abs(after.fairAccuracy - start) <= max(0.05, accuracyNoise ?? 0), start < 0.9,
      abs(after.margin - before.margin) < 0.05
    else { return nil }
    let rate = HumanText.short(learningRate)
    let bound = HumanText.short(learningRate * Double(totals.steps))
    return Phrase(
      en:
        "accuracy and margin hardly moved. With a learning rate of \(rate) × \(HumanText.counted(totals.steps, "step")) no "
        + "weight can have moved by much more than \(bound), where weights are of the order of 0.02. Try a higher learning rate "
        + "(in steps of three, while the answers stay good), more pairs or more epochs.",
      zh: "准确率和奖励差几乎没有变化。学习率 \(rate) × \(HumanText.grouped(totals.steps)) 步，任何权重的移动都不会比 \(bound) 大多少，而权重的量级是 "
        + "0.02。请提高学习率（每次三倍，只要回答仍然好）、增加偏好对或轮数。")
  }

  /// DPO can widen the margin by making both answers unlikely. The change is measured against the reference on the same
  /// pairs: reward / beta, in nats.
  private func fallenChosen(_ after: Snapshot) -> Phrase? {
    guard let reward = after.chosenReward, beta > 0 else { return nil }
    let change = reward / beta
    let reference = after.chosenLogProbability.map { $0 - change }
    guard change < -10, change < (reference ?? 0) * 0.1 else { return nil }
    let range =
      reference.map { reference in
        let (from, to) = (HumanText.fixed(reference, 1), HumanText.fixed(reference + change, 1))
        return Phrase(en: "from \(from) to \(to)", zh: "从 \(from) 降到 \(to)")
      } ?? Phrase(en: "by \(HumanText.fixed(-change, 1))", zh: "降低了 \(HumanText.fixed(-change, 1))")
    let beta = HumanText.short(beta)
    return Phrase(
      en:
        "the log-probability of the chosen answers fell \(range.en) on average: the model learnt to avoid the rejected "
        + "answers more than to give the chosen ones, and may have unlearnt other things on the way. Read some of its answers; "
        + "a lower learning rate, fewer steps or a higher beta (\(beta)) help.",
      zh: "优选回答的对数概率平均\(range.zh)：模型学到的更多是避开劣选回答，而不是给出优选回答，途中可能还忘了别的。请读几个回答；降低学习率、减少步数或增大 "
        + "beta（\(beta)）会有帮助。")
  }
}
