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
      heldOut.map { "on \(HumanText.counted($0, "held-out text"))" }
      ?? "first and last logging interval of training; give --eval-data or --eval-split for a fair comparison"
    let rows: [(String, (Snapshot) -> String)] = [
      ("loss", { HumanText.fixed($0.loss, 4) }), ("perplexity", { HumanText.short(exp($0.loss)) }),
      ("tokens right", { HumanText.percent($0.accuracy) }),
    ]
    let lines = rows.map { name, value in
      "  " + name.padding(toLength: 14, withPad: " ", startingAt: 0) + (before.map { value($0) + " → " } ?? "")
        + value(after)
    }
    return ([before == nil ? "On the only logging interval:" : "Before → after (\(origin)):"] + lines)
      .joined(separator: "\n")
  }

  var explanation: String? {
    guard after != nil else { return nil }
    return
      "The loss is the mean of −log p over the tokens to learn, the perplexity e to its power: among how many equally likely "
      + "tokens the model hesitates. What counts is how it falls on texts that were held out."
  }

  /// What a careful friend would point out, each a paragraph.
  func warnings(learningRate: Double) -> [String] {
    guard let after else { return [] }
    let rate = HumanText.short(learningRate)
    guard after.loss.isFinite else {
      return [
        "Warning: the loss is no longer a finite number, so the result is useless. Lower the learning rate (\(rate)), keep "
          + "--max-grad-norm on, and prefer bf16 or fp32 to fp16."
      ]
    }
    guard heldOut != nil, let before, let best else { return [] }
    if after.loss > before.loss {
      return [
        "Warning: held-out texts became less likely than before training. Lower the learning rate (\(rate)), or check that they are "
          + "of the same kind as the texts to learn from."
      ]
    }
    // A fiftieth above the lowest point is more than evaluations of the same model differ.
    guard best.step < lastStep, after.loss > best.loss * 1.02 else { return [] }
    return [
      "Warning: on held-out texts the loss was lowest after step \(best.step), \(HumanText.fixed(best.loss, 4)), and rose from there: "
        + "the model learns its texts by heart. --load-best-model-at-end takes that step's model; fewer epochs do too."
    ]
  }
}
