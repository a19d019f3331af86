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
      return [
        "Warning: the loss is no longer a finite number, so the result is useless. Lower the learning rate "
          + "(\(HumanText.short(learningRate))), keep --max-grad-norm on, and prefer bf16 or fp32 to fp16."
      ]
    }
    return [explodedMargin(after), worseAccuracy(before, after), stillAccuracy(before, after), fallenChosen(after)]
      .compactMap { $0 }.map { "Warning: " + $0 }
  }

  /// At a margin of 15 the sigmoid is flat to seven digits: pairs are memorised, and the model has moved far from its
  /// reference.
  private func explodedMargin(_ after: Snapshot) -> String? {
    guard abs(after.margin) > Self.largestMargin else { return nil }
    return
      "the margin grew to \(HumanText.short(after.margin)), beyond \(HumanText.short(Self.largestMargin)). The model has moved "
      + "very far from its reference and often talks nonsense then. Read some of its answers; if they are bad, lower the learning rate "
      + "(\(HumanText.short(learningRate))), train fewer steps, or raise beta (\(HumanText.short(beta)))."
  }

  private static let largestMargin = 15.0

  private func worseAccuracy(_ before: Snapshot, _ after: Snapshot) -> String? {
    guard after.fairAccuracy < before.fairAccuracy - max(0.05, accuracyNoise ?? 0) else { return nil }
    return
      "the accuracy went down, to \(HumanText.percent(after.accuracy)). Check that chosen and rejected are not swapped "
      + "in the data (`minimind-dpo data --show 5`), then try a lower learning rate."
  }

  /// AdamW moves a weight by about the learning rate in a step at most, which makes a useful bound.
  private func stillAccuracy(_ before: Snapshot, _ after: Snapshot) -> String? {
    let start = before.fairAccuracy
    // A model that already prefers nine in ten has little room; one whose margin grew is on its way.
    guard abs(after.fairAccuracy - start) <= max(0.05, accuracyNoise ?? 0), start < 0.9,
      abs(after.margin - before.margin) < 0.05
    else { return nil }
    let rate = HumanText.short(learningRate)
    return
      "accuracy and margin hardly moved. With a learning rate of \(rate) × \(HumanText.counted(totals.steps, "step")) no weight can "
      + "have moved by much more than \(HumanText.short(learningRate * Double(totals.steps))), where weights are of the order of "
      + "0.02. Try a higher learning rate (in steps of three, while the answers stay good), more pairs or more epochs."
  }

  /// DPO can widen the margin by making both answers unlikely. The change is measured against the reference on the same
  /// pairs: reward / beta, in nats.
  private func fallenChosen(_ after: Snapshot) -> String? {
    guard let reward = after.chosenReward, beta > 0 else { return nil }
    let change = reward / beta
    let reference = after.chosenLogProbability.map { $0 - change }
    guard change < -10, change < (reference ?? 0) * 0.1 else { return nil }
    let range =
      reference.map { "from \(HumanText.fixed($0, 1)) to \(HumanText.fixed($0 + change, 1))" }
      ?? "by \(HumanText.fixed(-change, 1))"
    return "the log-probability of the chosen answers fell \(range) on average: the model learnt to avoid the rejected "
      + "answers more than to give the chosen ones, and may have unlearnt other things on the way. Read some of its answers; "
      + "a lower learning rate, fewer steps or a higher beta (\(HumanText.short(beta))) help."
  }
}
