import Observability
import OrderedJSON
import Preferences
import Training

/// What is said of the texts that are watched for forgetting.
struct GuardFigures {
  private let now: GuardMeasurement
  private let start: GuardMeasurement?
  /// The change of the loss per token since the start; nil where that is not known.
  private let difference: Estimate?

  /// - Parameter start: nil before the first step, and where it is not known
  init(_ now: GuardMeasurement, since start: GuardMeasurement?) {
    let start = start.flatMap { $0.tokens == now.tokens ? $0 : nil }
    (self.now, self.start) = (now, start)
    var generator = SeededGenerator(seed: 42)
    difference = start.flatMap { start in
      .bootstrap(
        of: zip(now.losses, start.losses).map { $0 - $1 }, weights: now.tokens.map(Double.init), using: &generator)
    }
  }

  /// By which part the loss has risen.
  private var change: Double? { start.map { (now.loss - $0.loss) / $0.loss } }

  func add(to record: inout MetricsRecord) {
    record[MetricName.guardLoss] = now.loss
    record[MetricName.guardLossChange] = change
    if let difference { record.set(MetricName.guardLossDifference, to: difference.json) }
  }

  var words: Phrase {
    let loss = HumanText.fixed(now.loss, 4)
    let moved = change.map { ($0 < 0 ? "" : "+") + HumanText.percent($0) }
    return Phrase(
      en: "loss \(loss) a token" + (moved.map { ", \($0) since the start" } ?? ""),
      zh: "每个 token 的损失 \(loss)" + (moved.map { "，与开始时相比 \($0)" } ?? ""))
  }
}

/// What is said of the answers to the sample prompts.
struct SampleFigures {
  /// The answers beside the reference's.
  let comparison: AnswerComparison

  /// nil without answers
  init?(_ answers: [SampledAnswer], reference: [SampledAnswer]) {
    guard let policy = AnswerFigures(answers.map { ($0.tokens, $0.isEnded) }),
      let reference = AnswerFigures(reference.map { ($0.tokens, $0.isEnded) })
    else { return nil }
    comparison = AnswerComparison(policy: policy, reference: reference)
  }

  func add(to record: inout MetricsRecord) {
    let figures = comparison.policy
    record.set(MetricName.samples, to: figures.answers)
    record["samples/length"] = figures.length
    record[MetricName.samplesLengthRatio] = comparison.lengthRatio
    record["samples/distinct_1"] = figures.distinct1
    record["samples/distinct_2"] = figures.distinct2
    record["samples/repetition"] = figures.repetition
    record["samples/unfinished"] = figures.unfinished
    let degeneration = comparison.degeneration
    if !degeneration.isEmpty {
      record.set(MetricName.samplesDegeneration, to: .array(degeneration.map(JSON.string)))
    }
  }

  var words: Phrase {
    let figures = comparison.policy
    let (length, ratio) = (HumanText.short(figures.length), HumanText.fixed(comparison.lengthRatio, 2))
    let repeated = HumanText.percent(figures.repetition, digits: 0)
    let unfinished = HumanText.percent(figures.unfinished, digits: 0)
    return Phrase(
      en:
        "\(length) tokens on average, \(ratio) times the reference's; \(repeated) repeated, \(unfinished) without an end",
      zh: "平均 \(length) 个 token，是参考模型的 \(ratio) 倍；\(repeated) 重复，\(unfinished) 没有结尾")
  }
}
