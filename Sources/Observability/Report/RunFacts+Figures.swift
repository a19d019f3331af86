import OrderedJSON

extension RunFacts {
  /// The numbers that a run comes to, for the top of the page: `{"id": …, "label": …, "value": …, "note": …}`.
  var figures: [JSON] { run.isSupervised ? ofTexts + ofWork : ofPairs + ofWork }

  private typealias Figure = (id: String, label: Phrase, value: Phrase?, note: Phrase?)

  private static func json(_ figures: [Figure]) -> [JSON] {
    figures.compactMap { figure in
      figure.value.map {
        [
          "id": .string(figure.id), "label": figure.label.json, "value": $0.json,
          "note": figure.note?.json ?? .null,
        ]
      }
    }
  }

  private var ofPairs: [JSON] {
    let prefix = MetricName.evaluationPrefix
    let isEvaluated = run.last(prefix + MetricName.rewardAccuracies) != nil
    let start = isEvaluated ? prefix : ""
    let place =
      isEvaluated
      ? Phrase(en: "on held-out pairs", zh: "留出的偏好对") : Phrase(en: "on training pairs", zh: "训练的偏好对")
    let accuracy = start + MetricName.rewardAccuracies
    let interval = run.log.records.last { $0[prefix + MetricName.accuracyLow] != nil && $0.step > 0 }
    var note = place
    if isEvaluated, let low = interval?[prefix + MetricName.accuracyLow],
      let high = interval?[prefix + MetricName.accuracyHigh]
    {
      let ends = (HumanText.fixed(low * 100, 1), HumanText.percent(high))
      note = place + Phrase(en: ", 95 % interval \(ends.0) to \(ends.1)", zh: "，95 % 置信区间 \(ends.0) 至 \(ends.1)")
    }
    return Self.json([
      ("accuracy", Phrase(en: "accuracy", zh: "准确率"), run.last(accuracy).map { Phrase(HumanText.percent($0)) }, note),
      (
        "margin", Phrase(en: "margin", zh: "奖励差"),
        run.last(start + MetricName.rewardMargins).map { Phrase(HumanText.fixed($0, 3)) }, place
      ),
      (
        "loss", Phrase(en: "loss", zh: "损失"), run.last(start + MetricName.loss).map { Phrase(HumanText.fixed($0, 4)) },
        place
      ),
    ])
  }

  private var ofTexts: [JSON] {
    let prefix = MetricName.evaluationPrefix
    let isEvaluated = run.last(prefix + MetricName.loss) != nil
    let start = isEvaluated ? prefix : ""
    let place =
      isEvaluated ? Phrase(en: "on held-out texts", zh: "留出的文本") : Phrase(en: "on training texts", zh: "训练的文本")
    return Self.json([
      (
        "loss", Phrase(en: "loss", zh: "损失"), run.last(start + MetricName.loss).map { Phrase(HumanText.fixed($0, 4)) },
        place
      ),
      (
        "token-accuracy", Phrase(en: "token accuracy", zh: "token 准确率"),
        run.last(start + MetricName.tokenAccuracy).map { Phrase(HumanText.percent($0)) }, place
      ),
    ])
  }

  private var ofWork: [JSON] {
    let seconds = run.log.totals?.seconds ?? run.last(MetricName.elapsed)
    let pairs = run.log.totals?.pairs ?? run.last(MetricName.pairs).map { HumanText.whole($0) }
    let noun = run.isSupervised ? Phrase(en: "texts", zh: "条文本") : Phrase(en: "pairs", zh: "个偏好对")
    return Self.json([
      (
        "steps", Phrase(en: "steps", zh: "步数"), Phrase(HumanText.grouped(run.lastStep)),
        pairs.map { Phrase(en: "\(HumanText.grouped($0)) \(noun.en)", zh: "\(HumanText.grouped($0)) \(noun.zh)") }
      ),
      (
        "time", Phrase(en: "time", zh: "用时"),
        seconds.map { seconds in Phrase { HumanText.duration(seconds: seconds, in: $0) } }, nil
      ),
      (
        "speed", Phrase(en: "tokens per second", zh: "每秒 token"),
        run.meanTokensPerSecond.map { Phrase(HumanText.count($0)) },
        run.last(MetricName.utilization).map { Phrase("MFU \(HumanText.percent($0))") }
      ),
      (
        "memory", Phrase(en: "memory", zh: "内存"),
        run.last(MetricName.peakMemory).map { Phrase(HumanText.bytes(HumanText.whole($0))) },
        Phrase(en: "at the most", zh: "峰值")
      ),
    ])
  }

  /// The seconds that each rank spent on each part of its steps, and what the run spent beside them; nil where nothing was
  /// recorded.
  var parts: JSON? {
    let names: [(id: String, name: Phrase)] = [
      ("forward", Phrase(en: "forward", zh: "前向")), ("backward", Phrase(en: "backward", zh: "反向")),
      ("reference", Phrase(en: "reference", zh: "参考模型")), ("optimizer", Phrase(en: "optimizer", zh: "优化器")),
      ("data", Phrase(en: "waiting for data", zh: "等待数据")),
      ("communication", Phrase(en: "waiting for other ranks", zh: "等待其他 rank")),
      ("checkpoint", Phrase(en: "checkpoints", zh: "检查点")),
      ("evaluation", Phrase(en: "evaluation", zh: "评估")), ("rest", Phrase(en: "the rest", zh: "其他")),
    ]
    let records = run.log.records
    var ranks: [[String: Double]] = []
    for record in records {
      for (part, values) in record.values[MetricName.rankTimes]?.object ?? [:] {
        for (rank, value) in (values.array ?? []).enumerated() {
          while ranks.count <= rank { ranks.append([:]) }
          ranks[rank][part, default: 0] += value.double ?? 0
        }
      }
    }
    guard !ranks.isEmpty else { return nil }
    // Alone, a rank waits for nobody.
    if ranks.count == 1 { ranks[0]["communication"] = nil }
    let saving = records.reduce(0) { $0 + ($1[MetricName.checkpointTime] ?? 0) }
    let measuring = run.log.totals?.evaluationSeconds ?? 0
    let whole = run.log.totals?.seconds ?? run.last(MetricName.elapsed) ?? 0
    for rank in ranks.indices {
      let steps = ranks[rank].values.reduce(0, +)
      if saving > 0 { ranks[rank]["checkpoint"] = saving }
      if measuring > 0 { ranks[rank]["evaluation"] = measuring }
      let known = steps + saving + measuring
      if whole > known { ranks[rank]["rest"] = whole - known }
    }
    let present = names.filter { name in ranks.contains { ($0[name.id] ?? 0) > 0 } }
    return [
      "names": .array(present.map { ["id": .string($0.id), "text": $0.name.json] }),
      "ranks": .array(
        ranks.map { rank in .array(present.map { PlottedSeries.number(rank[$0.id] ?? 0) }) }),
    ]
  }
}
