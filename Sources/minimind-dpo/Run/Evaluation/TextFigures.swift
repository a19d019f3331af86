import DPO
import Foundation
import Observability
import Training

/// What is said of an evaluation of texts: loss per token, perplexity, and how often the token to learn is the most probable.
struct TextFigures {
  private let evaluation: Evaluation
  private let means: [(name: String, value: Double)]

  init(_ evaluation: Evaluation) {
    self.evaluation = evaluation
    means = evaluation.metrics.meansOfTexts
  }

  /// Adds the numbers to a record.
  ///
  /// - Parameter prefix: what stands before their names
  func add(to record: inout MetricsRecord, prefix: String) {
    for (name, value) in means { record[prefix + name] = value }
    record[prefix + MetricName.perplexity] = exp(value(MetricName.loss))
    record.set(prefix + MetricName.sideTokens, to: Int(evaluation.metrics.sideTokens))
    record.set(prefix + MetricName.pairs, to: evaluation.pairs.count)
  }

  /// The numbers in words.
  var words: Phrase {
    let loss = value(MetricName.loss)
    let (mean, perplexity) = (HumanText.fixed(loss, 4), HumanText.short(exp(loss)))
    let (right, texts) = (HumanText.percent(value(MetricName.tokenAccuracy)), evaluation.pairs.count)
    return Phrase(
      en: "loss \(mean) a token, perplexity \(perplexity), \(right) of the tokens right, over "
        + HumanText.counted(texts, "text"),
      zh: "每个 token 的损失 \(mean)，困惑度 \(perplexity)，token 准确率 \(right)，共 \(HumanText.grouped(texts)) 条文本")
  }

  private func value(_ name: String) -> Double { means.first { $0.name == name }?.value ?? .nan }
}
