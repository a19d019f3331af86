import Foundation

/// What supervised fine-tuning came to, in the closing words: loss per target token, before and after. A pure function of the
/// run's records.
public struct TextOutcome: Sendable {
  /// Texts at one moment.
  public struct Snapshot: Hashable, Sendable {
    /// Mean loss per target token.
    public var loss: Double
    /// Share of target tokens, 0…1, that the model finds the most probable.
    public var accuracy: Double

    /// A state; nil where the record does not tell. A loss that was not finite counts as NaN.
    init?(_ record: MetricsRecord, prefix: String) {
      guard record.values[prefix + MetricName.loss] != nil else { return nil }
      loss = record[prefix + MetricName.loss] ?? .nan
      accuracy = record[prefix + MetricName.tokenAccuracy] ?? .nan
    }
  }

  /// The first of them: held-out texts before training where there are any, else the first logging interval.
  public let before: Snapshot?
  /// The last.
  public let after: Snapshot?
  /// The lowest loss of held-out texts, and the step it was measured after; nil without evaluations.
  public let best: (step: Int, loss: Double)?
  /// The number of held-out texts; nil where the snapshots are of training.
  public let heldOut: Int?
  private let lastStep: Int

  /// Reads the outcome out of a run's records.
  ///
  /// - Parameter step: the step whose model was taken; nil for the last
  public init(_ log: MetricsLog, takenStep step: Int? = nil) {
    let prefix = MetricName.evaluationPrefix
    let evaluations = log.records.filter { $0.values[prefix + MetricName.loss] != nil }
    let isEvaluated = evaluations.count > 1
    let chosen = (isEvaluated ? evaluations.filter { $0.step <= step ?? .max } : log.records).compactMap {
      Snapshot($0, prefix: isEvaluated ? prefix : "")
    }
    (before, after) = (chosen.count > 1 ? chosen.first : nil, chosen.last)
    let losses = evaluations.compactMap { record in record[prefix + MetricName.loss].map { (record.step, $0) } }
    best = isEvaluated ? losses.min { $0.1 < $1.1 }.map { (step: $0.0, loss: $0.1) } : nil
    heldOut = isEvaluated ? evaluations.last?[prefix + MetricName.pairs].map { Int($0) } : nil
    lastStep = evaluations.last?.step ?? 0
  }

  var table: String? {
    guard let after else { return nil }
    let origin =
      heldOut.map {
        Phrase(en: "on \(HumanText.counted($0, "held-out text"))", zh: "在 \(HumanText.grouped($0)) 条留出的文本上")
      }
      ?? Phrase(
        en: "first and last logging interval of training; give --eval-data or --eval-split for a fair comparison",
        zh: "训练的第一段和最后一段记录；要公平比较请给出 --eval-data 或 --eval-split")
    let rows: [(Phrase, (Snapshot) -> String)] = [
      (Phrase(en: "loss", zh: "损失"), { HumanText.fixed($0.loss, 4) }),
      (Phrase(en: "perplexity", zh: "困惑度"), { HumanText.short(exp($0.loss)) }),
      (Phrase(en: "tokens right", zh: "token 准确率"), { HumanText.percent($0.accuracy) }),
    ]
    let lines = rows.map { name, value in
      "  " + name.text + String(repeating: " ", count: max(1, 14 - TerminalText.columns(name.text)))
        + (before.map { value($0) + " → " } ?? "") + value(after)
    }
    let head =
      before == nil
      ? Phrase(en: "On the only logging interval:", zh: "唯一一段记录：")
      : Phrase(en: "Before → after (\(origin.en)):", zh: "训练前 → 训练后（\(origin.zh)）：")
    return ([head.text] + lines).joined(separator: "\n")
  }

  var explanation: String? {
    guard after != nil else { return nil }
    return Phrase(
      en:
        "The loss is the mean of −log p over the tokens to learn, the perplexity e to its power: among how many equally likely "
        + "tokens the model hesitates. What counts is how it falls on texts that were held out.",
      zh: "损失是要学的 token 的 −log p 的平均值，困惑度是 e 的损失次方：模型相当于在多少个同样可能的 token 之间犹豫。要看的是它在留出文本上下降多少。"
    ).text
  }

  /// What a careful friend would point out, each a paragraph.
  func warnings(learningRate: Double) -> [String] {
    guard let after else { return [] }
    let rate = HumanText.short(learningRate)
    guard after.loss.isFinite else {
      return [
        Phrase(
          en:
            "Warning: the loss is no longer a finite number, so the result is useless. Lower the learning rate (\(rate)), keep "
            + "--max-grad-norm on, and prefer bf16 or fp32 to fp16.",
          zh: "警告：损失已不是有限的数，结果不能用。请降低学习率（\(rate)），保留 --max-grad-norm，并优先使用 bf16 或 fp32 而不是 fp16。"
        ).text
      ]
    }
    guard heldOut != nil, let before, let best else { return [] }
    if after.loss > before.loss {
      return [
        Phrase(
          en:
            "Warning: held-out texts became less likely than before training. Lower the learning rate (\(rate)), or check that "
            + "they are of the same kind as the texts to learn from.",
          zh: "警告：留出的文本比训练前更不可能了。请降低学习率（\(rate)），或检查它们与训练文本是否同类。"
        ).text
      ]
    }
    // A fiftieth above the lowest point is more than evaluations of the same model differ.
    guard best.step < lastStep, after.loss > best.loss * 1.02 else { return [] }
    let lowest = HumanText.fixed(best.loss, 4)
    return [
      Phrase(
        en:
          "Warning: on held-out texts the loss was lowest after step \(best.step), \(lowest), and rose from there: the model "
          + "learns its texts by heart. --load-best-model-at-end takes that step's model; fewer epochs do too.",
        zh: "警告：留出文本的损失在第 \(best.step) 步之后最低（\(lowest)），此后上升：模型在死记训练文本。--load-best-model-at-end "
          + "会采用那一步的模型；减少轮数也可以。"
      ).text
    ]
  }
}
