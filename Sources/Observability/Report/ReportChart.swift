import OrderedJSON

/// A plot of the report: which metrics it shows and what it says about them. How it is drawn is the page's part.
struct ReportChart: Sendable {
  /// One curve of each run.
  struct Curve: Sendable {
    /// Its name in the file.
    var metric: String
    /// What it is called where a plot has several.
    var label: Phrase
    /// Measured rarely, on held-out data: drawn as points.
    var isEvaluation = false
    /// The metrics of an interval around it.
    var interval: (low: String, high: String)?
  }

  /// How values are written.
  enum Format: String, Sendable { case short, fixed4, fixed3, fixed1, percent, count, bytes, seconds }

  let id: String
  let title: Phrase
  /// What to make of it, in a sentence.
  let caption: Phrase
  let curves: [Curve]
  var format = Format.short
  /// A value with a meaning, as a line.
  var landmark: (value: Double, label: Phrase)?
  /// Whether single records jump about, so that smoothing helps the eye.
  var isNoisy = false
  /// Whether the scale begins at zero, so that a wobble does not look like a collapse.
  var fromZero = false
  /// The end of the scale; nil for one that follows the values.
  var upTo: Double?

  var json: JSON {
    [
      "id": .string(id), "title": title.json, "caption": caption.json, "format": .string(format.rawValue),
      "noisy": .bool(isNoisy), "fromZero": .bool(fromZero), "upTo": upTo.map(JSON.number) ?? .null,
      "landmark": landmark.map { ["value": .number($0.value), "label": $0.label.json] } ?? .null,
      "curves": .array(
        curves.map { curve in
          [
            "metric": .string(curve.metric), "label": curve.label.json, "evaluation": .bool(curve.isEvaluation),
            "low": curve.interval.map { .string($0.low) } ?? .null,
            "high": curve.interval.map { .string($0.high) } ?? .null,
          ]
        }),
    ]
  }

  /// The metrics that it draws.
  var metrics: [String] { curves.flatMap { [$0.metric] + ($0.interval.map { [$0.low, $0.high] } ?? []) } }
}

extension ReportChart {
  /// A plot of one metric, with that of the held-out data where there is one.
  fileprivate static func chart(
    _ id: String, _ metric: String, _ title: Phrase, _ caption: Phrase, isEvaluated: Bool = false
  ) -> ReportChart {
    var curves = [Curve(metric: metric, label: training)]
    if isEvaluated {
      curves.append(Curve(metric: MetricName.evaluationPrefix + metric, label: evaluation, isEvaluation: true))
    }
    return ReportChart(id: id, title: title, caption: caption, curves: curves)
  }

  fileprivate static let training = Phrase(en: "training", zh: "训练")
  fileprivate static let evaluation = Phrase(en: "evaluation", zh: "评估")

  /// Both sides of the pairs.
  fileprivate static func sides(
    _ id: String, _ chosen: String, _ rejected: String, _ title: Phrase, _ caption: Phrase
  ) -> ReportChart {
    ReportChart(
      id: id, title: title, caption: caption,
      curves: [
        Curve(metric: chosen, label: Phrase(en: "chosen", zh: "优选")),
        Curve(metric: rejected, label: Phrase(en: "rejected", zh: "劣选")),
      ])
  }

  /// All plots, in the order of the page.
  ///
  /// - Parameter isSupervised: whether texts are imitated, rather than pairs compared
  static func all(isSupervised: Bool) -> [ReportChart] {
    var loss = chart(
      "loss", MetricName.loss, Phrase(en: "Loss", zh: "损失"),
      isSupervised
        ? Phrase(
          en: "Per target token. Should fall on held-out texts too; where it rises there, texts are learned by heart.",
          zh: "每个目标 token 的损失。在留出的文本上也应下降；若在那里上升，说明模型在死记文本。")
        : Phrase(
          en: "Starts at 0.693 (= log 2), where the model equals its reference, and sinks slowly.",
          zh: "从 0.693（= log 2，此时模型与参考模型相同）开始，缓慢下降。"), isEvaluated: true)
    if !isSupervised { loss.landmark = (0.693147, Phrase(en: "0.693: the start of DPO", zh: "0.693：DPO 的起点")) }
    (loss.isNoisy, loss.format) = (true, .fixed4)
    return [loss] + (isSupervised ? [tokenAccuracy] : [accuracy, margin, rewards, logProbabilities, divergence])
      + [guardLoss, gradientNorm, learningRate, throughput, utilization, stepTime, memory, deviceActivity]
  }

  /// Of supervised fine-tuning; with pairs it is that of the chosen answers, of which the rewards tell more.
  private static var tokenAccuracy: ReportChart {
    var chart = chart(
      "token-accuracy", MetricName.tokenAccuracy, Phrase(en: "Token accuracy", zh: "token 准确率"),
      Phrase(en: "How often the token to learn is the most probable one.", zh: "要学的 token 恰是最可能的 token 的比例。"),
      isEvaluated: true)
    (chart.isNoisy, chart.format) = (true, .percent)
    return chart
  }

  private static var accuracy: ReportChart {
    var chart = chart(
      "accuracy", MetricName.rewardAccuracies, Phrase(en: "Accuracy", zh: "准确率"),
      Phrase(
        en: "How often the chosen answer gained more than the rejected one; bars are 95 % intervals.",
        zh: "优选回答的提升大于劣选回答的比例；竖线为 95 % 置信区间。"), isEvaluated: true)
    let prefix = MetricName.evaluationPrefix
    chart = ReportChart(
      id: chart.id, title: chart.title, caption: chart.caption,
      curves: [
        chart.curves[0],
        Curve(
          metric: prefix + MetricName.rewardAccuracies, label: evaluation, isEvaluation: true,
          interval: (prefix + MetricName.accuracyLow, prefix + MetricName.accuracyHigh)),
      ])
    chart.landmark = (0.5, Phrase(en: "50 %: chance", zh: "50 %：随机水平"))
    (chart.isNoisy, chart.format, chart.fromZero, chart.upTo) = (true, .percent, true, 1)
    return chart
  }

  private static var margin: ReportChart {
    var chart = chart(
      "margin", MetricName.rewardMargins, Phrase(en: "Reward margin", zh: "奖励差"),
      Phrase(
        en: "How much more the chosen answers gained than the rejected ones. Should rise; above 15 something is wrong.",
        zh: "优选回答比劣选回答多提升了多少。应当上升；超过 15 说明有问题。"), isEvaluated: true)
    chart.landmark = (0, Phrase(""))
    (chart.isNoisy, chart.format) = (true, .fixed3)
    return chart
  }

  private static var rewards: ReportChart {
    var chart = sides(
      "rewards", MetricName.rewardsChosen, MetricName.rewardsRejected, Phrase(en: "Rewards", zh: "奖励"),
      Phrase(
        en: "β times the change in log-probability against the reference. Healthy: chosen stays near zero or rises.",
        zh: "β 乘以相对参考模型的对数概率变化。正常情况：优选保持在零附近或上升。"))
    chart.landmark = (0, Phrase(""))
    (chart.isNoisy, chart.format) = (true, .fixed3)
    return chart
  }

  private static var logProbabilities: ReportChart {
    var chart = sides(
      "logps", MetricName.logpsChosen, MetricName.logpsRejected, Phrase(en: "Log-probabilities", zh: "对数概率"),
      Phrase(
        en: "Of whole answers, so long answers lie low. A steep fall of the chosen ones is a bad sign.",
        zh: "整个回答的对数概率，所以长回答的值低。优选回答急剧下降是坏兆头。"))
    (chart.isNoisy, chart.format) = (true, .fixed1)
    return chart
  }

  private static var divergence: ReportChart {
    var chart = chart(
      "divergence", MetricName.divergence, Phrase(en: "Distance from the reference", zh: "与参考模型的距离"),
      Phrase(
        en:
          "Nats an answer by which its log-probability differs from the reference's: an estimate of the KL divergence.",
        zh: "每个回答的对数概率与参考模型相差多少 nat，即 KL 散度的估计。"))
    chart.landmark = (0, Phrase(""))
    (chart.isNoisy, chart.format) = (true, .fixed3)
    return chart
  }

  private static var guardLoss: ReportChart {
    ReportChart(
      id: "forgetting", title: Phrase(en: "Forgetting", zh: "遗忘"),
      caption: Phrase(
        en: "Loss per token of the guard texts. Where it rises, the model forgets what they hold.",
        zh: "守护文本的每 token 损失。上升说明模型在遗忘其中的内容。"),
      curves: [Curve(metric: MetricName.guardLoss, label: evaluation, isEvaluation: true)], format: .fixed3)
  }
}

extension ReportChart {
  private static var gradientNorm: ReportChart {
    var chart = chart(
      "gradient-norm", MetricName.gradientNorm, Phrase(en: "Gradient norm", zh: "梯度范数"),
      Phrase(en: "Before clipping. Spikes point at odd pairs.", zh: "裁剪之前。尖峰往往来自异常的偏好对。"))
    chart.isNoisy = true
    return chart
  }

  private static var learningRate: ReportChart {
    var chart = chart(
      "learning-rate", MetricName.learningRate, Phrase(en: "Learning rate", zh: "学习率"),
      Phrase(en: "As the schedule set it.", zh: "由调度决定。"))
    chart.fromZero = true
    return chart
  }

  private static var throughput: ReportChart {
    var chart = chart(
      "throughput", MetricName.tokensPerSecond, Phrase(en: "Throughput", zh: "吞吐量"),
      Phrase(en: "Tokens per second, over all processes.", zh: "所有进程合计，每秒 token 数。"))
    (chart.format, chart.fromZero, chart.isNoisy) = (.count, true, true)
    return chart
  }

  private static var utilization: ReportChart {
    var chart = chart(
      "utilization", MetricName.utilization, Phrase("MFU"),
      Phrase(
        en: "Part of the machine's measured peak rate that the model's arithmetic used.", zh: "模型计算占本机实测峰值的比例。"))
    (chart.format, chart.fromZero, chart.upTo, chart.isNoisy) = (.percent, true, 1, true)
    return chart
  }

  private static var stepTime: ReportChart {
    let parts: [(String, Phrase)] = [
      (MetricName.stepTime, Phrase(en: "whole step", zh: "整步")),
      (MetricName.dataWaitTime, Phrase(en: "waiting for data", zh: "等待数据")),
      (MetricName.communicationTime, Phrase(en: "exposed communication", zh: "未被掩盖的通信")),
    ]
    return ReportChart(
      id: "step-time", title: Phrase(en: "Time of a step", zh: "每步时间"),
      caption: Phrase(en: "And what it waited for, of the rank that waited longest.", zh: "以及其中的等待时间（取等待最久的 rank）。"),
      curves: parts.map { Curve(metric: $0.0, label: $0.1) }, format: .seconds, isNoisy: true, fromZero: true)
  }

  private static var memory: ReportChart {
    var chart = chart(
      "memory", MetricName.peakMemory, Phrase(en: "Memory", zh: "内存"),
      Phrase(en: "The most that this process has used so far.", zh: "本进程至今的内存峰值。"))
    (chart.format, chart.fromZero) = (.bytes, true)
    return chart
  }

  private static var deviceActivity: ReportChart {
    ReportChart(
      id: "gpu", title: Phrase(en: "GPU activity", zh: "GPU 活动"),
      caption: Phrase(en: "Part of the time in which a kernel ran, of the first ranks.", zh: "有内核在运行的时间比例（前几个 rank）。"),
      curves: (0..<4).map { Curve(metric: MetricName.device($0, "activity"), label: Phrase("rank \($0)")) },
      format: .percent, isNoisy: true, fromZero: true, upTo: 1)
  }
}
