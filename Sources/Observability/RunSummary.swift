import Foundation
import OrderedCollections

/// The closing words after training, for somebody who has not seen a DPO run before: what changed, what to make of it,
/// what was left out, and where the result is. A pure function of its fields.
public struct RunSummary: Sendable {
  /// The state of training at one moment, on some pairs.
  public struct Snapshot: Hashable, Sendable {
    /// Mean loss.
    public var loss: Double
    /// Share of pairs, 0…1, whose chosen answer has the higher reward.
    public var accuracy: Double
    /// Mean reward of the chosen answers minus that of the rejected ones.
    public var margin: Double
    /// Mean reward of the chosen answers: β (log π − log π_ref); nil where it was not measured.
    public var chosenReward: Double?
    /// Mean log-probability of the chosen answers, summed over their tokens; nil where it was not measured.
    public var chosenLogProbability: Double?
    /// The 95 % interval of the accuracy; nil where it was not measured.
    public var accuracyInterval: Estimate?

    /// A state with everything that was measured.
    public init(
      loss: Double, accuracy: Double, margin: Double, chosenReward: Double? = nil, chosenLogProbability: Double? = nil
    ) {
      self.loss = loss
      self.accuracy = accuracy
      self.margin = margin
      self.chosenReward = chosenReward
      self.chosenLogProbability = chosenLogProbability
    }

    /// The state in a training record, or in an evaluation record when `prefix` is ``MetricName/evaluationPrefix``;
    /// nil where loss, accuracy or margin is missing. A loss that was not finite, written as null, counts as NaN.
    public init?(_ record: MetricsRecord, prefix: String = "") {
      guard record.values[prefix + MetricName.loss] != nil,
        let accuracy = record[prefix + MetricName.rewardAccuracies],
        let margin = record[prefix + MetricName.rewardMargins]
      else { return nil }
      self.init(
        loss: record[prefix + MetricName.loss] ?? .nan, accuracy: accuracy, margin: margin,
        chosenReward: record[prefix + MetricName.rewardsChosen],
        chosenLogProbability: record[prefix + MetricName.logpsChosen])
      if let low = record[prefix + MetricName.accuracyLow], let high = record[prefix + MetricName.accuracyHigh] {
        accuracyInterval = Estimate(accuracy, low: low, high: high)
      }
    }
  }

  /// Where the two snapshots come from.
  public enum Source: Hashable, Sendable {
    /// The same held-out pairs, before and after.
    case evaluation(pairs: Int?)
    /// The first and the last logging interval, which hold different pairs.
    case training
    /// The start itself, and the only logging interval of a short run.
    case start
  }

  /// A form in which the result was written.
  public enum Output: Hashable, Sendable {
    /// A folder that `transformers` loads.
    case folder(String)
    /// A folder that PEFT loads, for a model.
    case adapter(String, model: String)
    /// MiniMind's own file.
    case weightFile(String)
    /// MiniMind's LoRA file.
    case loraFile(String)
  }

  /// What supervised fine-tuning came to; nil for a run over preference pairs.
  public var texts: TextOutcome?
  /// The state before, or in the first logging interval; nil for a run without a record.
  public var before: Snapshot?
  /// The state after, or in the last logging interval.
  public var after: Snapshot?
  /// Where the two come from.
  public var source: Source = .training
  /// The pairs of each of the two accuracies; nil where that is not known.
  public var accuracyPairs: Int?
  /// Steps, pairs, time, and what was dropped.
  public var totals: RunTotals
  /// The largest learning rate of the schedule.
  public var learningRate: Double
  /// β of the loss.
  public var beta: Double
  /// The loss, by its option's name. Only `sigmoid` starts at log 2.
  public var lossType = "sigmoid"
  /// Whether policy and reference were the same model at the first step.
  public var startsAtReference = true
  /// What the verdict rests on.
  public var evidence = RunEvidence()
  /// The step whose model was taken; nil for the last one.
  public var takenStep: Int?
  /// Slices of the held-out pairs after training.
  public var slices: [SliceFigures] = []
  /// What was written.
  public var outputs: [Output] = []
  /// Further files worth a look, with a word of what each is: `("report", "out/report.html")`.
  public var files: OrderedDictionary<String, String> = [:]
  /// Sentences of the trainer's own to close with, for example about weights lost in rounding to float16.
  public var notes: [String] = []

  /// A summary of what every run has; the rest is set afterwards.
  public init(totals: RunTotals, learningRate: Double, beta: Double) {
    self.totals = totals
    self.learningRate = learningRate
    self.beta = beta
  }

  /// Takes both snapshots from the records of a run: from its evaluations if there are two, else from the first and
  /// the last training interval. Of a run with a single interval the start stands in for the first one, where it is
  /// known without a measurement (the sigmoid loss, from the reference itself); elsewhere there is nothing to compare.
  ///
  /// - Parameter prefix: what stands before the names of the evaluation's metrics
  public mutating func takeSnapshots(
    from log: MetricsLog, evaluationPairs: Int? = nil, prefix: String = MetricName.evaluationPrefix
  ) {
    let evaluated = log.records.filter { $0.step <= takenStep ?? .max }
    let evaluations = evaluated.compactMap { Snapshot($0, prefix: prefix) }
    evidence = RunEvidence(log, prefix: prefix, takenStep: takenStep)
    slices = SliceFigures.slices(
      in: evaluated.last { $0.values[prefix + MetricName.slices] != nil }?.values[prefix + MetricName.slices])
    let intervals = log.records.compactMap { Snapshot($0) }
    let chosen = evaluations.count > 1 ? evaluations : intervals
    source = evaluations.count > 1 ? .evaluation(pairs: evaluationPairs) : .training
    before = chosen.first
    after = chosen.last
    accuracyPairs = evaluations.count > 1 ? evaluationPairs : log.pairsOfIntervals.min()
    if chosen.count == 1 {
      let isKnown = lossType == "sigmoid" && startsAtReference
      source = isKnown ? .start : .training
      before = isKnown ? Snapshot(loss: Foundation.log(2), accuracy: 0, margin: 0) : nil
      accuracyPairs = totals.pairs > 0 ? totals.pairs : nil
    }
  }

  /// The words, several paragraphs without escape sequences, in lines of at most 88 columns (paths may be longer).
  public var text: String {
    let judgement =
      texts.map { [$0.explanation, droppedLine].compactMap(\.self) + $0.warnings(learningRate: learningRate) }
      ?? [verdict, sliceRemark, explanation, droppedLine].compactMap(\.self) + warnings
    let prose = judgement + notes
    let paragraphs =
      [headline, texts.map { $0.table } ?? table].compactMap(\.self) + prose.map { HumanText.wrapped($0, width: 88) }
      + (outputs.isEmpty && files.isEmpty ? [] : [whereabouts])
    return paragraphs.joined(separator: "\n\n")
  }
}

extension RunSummary {
  /// By how much chance may move the difference of the two accuracies: 1.96 standard deviations of a difference of two
  /// binomial proportions, or of one where the other is known; nil where the number of pairs is not known.
  var accuracyNoise: Double? {
    guard let before, let after, let accuracyPairs, accuracyPairs > 0 else { return nil }
    func variance(_ snapshot: Snapshot) -> Double {
      // With one success and one failure more than there were, so that 0 and 1 are not taken for certain.
      let share = (snapshot.fairAccuracy * Double(accuracyPairs) + 1) / Double(accuracyPairs + 2)
      return share * (1 - share) / Double(accuracyPairs)
    }
    return 1.96 * ((before.isStart ? 0 : variance(before)) + variance(after)).squareRoot()
  }
}

extension MetricsLog {
  /// The pairs of the first and of the last training record.
  fileprivate var pairsOfIntervals: [Int] {
    let totals = records.filter { $0.values[MetricName.loss] != nil }.compactMap {
      $0[MetricName.pairs].map { Int($0) }
    }
    guard let first = totals.first, let last = totals.last, totals.count > 1 else { return totals }
    return [first, last - totals[totals.count - 2]]
  }
}

// MARK: - Paragraphs

extension RunSummary {
  /// What a run learns from.
  private var example: String { texts == nil ? "pair" : "text" }

  private var headline: String {
    let start =
      totals.stoppedBy.map { "Stopped by \($0) after" } ?? (totals.endedEarly == nil ? "Trained" : "Ended early after")
    let rates =
      totals.seconds > 0
      ? " (\(HumanText.count(Double(totals.pairs) / totals.seconds)) \(example)s/s, "
        + "\(HumanText.count(Double(totals.tokens) / totals.seconds)) tokens/s)"
      : ""
    return "\(start) \(counted(totals.steps, "step")) over \(counted(totals.pairs, example))"
      + " (\(HumanText.short(totals.epochs)) \(totals.epochs == 1 ? "epoch" : "epochs")) in "
      + HumanText.duration(seconds: totals.seconds) + rates + "." + (totals.endedEarly.map { "\nWhy: \($0)." } ?? "")
      + (checkpointLine.map { "\n" + $0 } ?? "")
  }

  /// Whether it learned, memorised, lengthened, forgot or broke; nothing of a run without a record.
  private var verdict: String? {
    // The table says already that training pairs alone prove nothing.
    let isMeasured = evidence.heldOut != nil || evidence.guarded != nil || evidence.answers != nil
    return isMeasured ? RunVerdict(evidence).text : nil
  }

  private var sliceRemark: String? {
    let standingOut = SliceFigures.standingOut(of: slices)
    guard !standingOut.isEmpty else { return nil }
    return "Slices that stand out: "
      + standingOut.map {
        "\($0.trait) \($0.label): accuracy \(HumanText.percent($0.accuracy.value)) on \(counted($0.pairs, "pair"))"
      }.joined(separator: "; ") + "."
  }

  private var table: String? {
    guard let before, let after else { return nil }
    let origin =
      switch source {
      case .evaluation(let pairs?): "on \(counted(pairs, "held-out pair"))"
      case .evaluation(nil): "on the evaluation pairs"
      case .start: "from the start, where the model equals its reference, to the mean over training"
      case .training: "first and last logging interval of training; give --eval-data for a fair comparison"
      }
    let rows = [
      ("accuracy", shown(before), shown(after) + (noiseRemark ?? "")),
      ("margin", HumanText.fixed(before.margin, 3), HumanText.fixed(after.margin, 3)),
      ("loss", HumanText.fixed(before.loss, 4), HumanText.fixed(after.loss, 4)),
    ]
    let width = rows.map(\.1.count).max() ?? 0
    return
      (["Before → after (\(origin)):"]
      + rows.map { name, first, last in
        "  \(padded(name, 9))\(padded(first, width, leading: true)) → \(last)"
      }).joined(separator: "\n")
  }

  /// What follows an accuracy: its interval or, where that is not known, that it did not change by more than chance may
  /// change it.
  private var noiseRemark: String? {
    if let interval = after?.accuracyInterval {
      return " (95 % interval \(HumanText.fixed(interval.low * 100, 1)) to \(HumanText.percent(interval.high)))"
    }
    guard let before, let after, let accuracyNoise, let accuracyPairs, !(before.isStart && after.isStart),
      abs(after.fairAccuracy - before.fairAccuracy) <= accuracyNoise
    else { return nil }
    return ", within noise (± \(HumanText.percent(accuracyNoise, digits: 0)) on \(counted(accuracyPairs, "pair")))"
  }

  private func shown(_ snapshot: Snapshot) -> String {
    snapshot.isStart ? "chance" : HumanText.percent(snapshot.accuracy)
  }

  private var explanation: String? {
    guard before != nil else { return nil }
    let start =
      lossType == "sigmoid"
      ? "A loss of 0.693 (= log 2) is where DPO starts: the model does not yet differ from its reference. It sinks slowly "
        + "and says little. "
      : ""
    return start
      + "Watch the accuracy (how often the chosen answer gained more than the rejected one; 50 % is chance) and the margin "
      + "(by how much, times beta)."
  }

  /// What checkpoints cost; nil where none was saved.
  private var checkpointLine: String? {
    guard totals.checkpoints > 0, totals.seconds > 0 else { return nil }
    let part = totals.checkpointSeconds / totals.seconds
    return "Saved \(counted(totals.checkpoints, "checkpoint")); training stood still "
      + "\(HumanText.duration(seconds: totals.checkpointSeconds)) for that (\(HumanText.percent(part)) of the time)."
  }

  private var droppedLine: String? {
    var sentences: [String] = []
    let dropped = totals.dropped.filter { $0.value > 0 }
    if !dropped.isEmpty {
      let count = dropped.map(\.value).reduce(0, +)
      let all = totals.pairsRead.map { " of \(HumanText.grouped($0))" } ?? ""
      sentences.append(
        "Dropped \(HumanText.grouped(count))\(all) \((totals.pairsRead ?? count) == 1 ? example : example + "s"): "
          + dropped.map { "\(HumanText.grouped($0.value)) \($0.key)" }.joined(separator: ", ") + ".")
    }
    if totals.truncated > 0 {
      sentences.append("Cut to the maximum length: \(counted(totals.truncated, texts == nil ? "side" : "text")).")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  private var whereabouts: String {
    var lines: [String] = []
    for output in outputs {
      switch output {
      case .folder(let path):
        lines.append("The model is in \(path). In Python:")
        lines.append("  AutoModelForCausalLM.from_pretrained(\(quoted(path)))")
      case .adapter(let path, let model):
        lines.append("The adapter is in \(path). In Python:")
        lines.append(
          "  PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(\(quoted(model))), \(quoted(path)))")
        lines.append("Or here: --model \(model) --adapter \(path); convert --merge puts it into the weights.")
      case .loraFile(let path):
        lines.append("MiniMind's LoRA weights are in \(path). In Python:")
        lines.append("  apply_lora(model); load_lora(model, \(quoted(path)))")
      case .weightFile(let path):
        lines.append("MiniMind's weights are in \(path). In Python:")
        lines.append("  model.load_state_dict(torch.load(\(quoted(path)), map_location=\"cpu\"))")
      }
    }
    let width = files.keys.map(\.count).max() ?? 0
    lines += files.map { name, path in "\(padded(name, width)) \(path)" }
    return lines.joined(separator: "\n")
  }

  private func quoted(_ path: String) -> String {
    "\"" + path.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }

  private func padded(_ text: String, _ width: Int, leading: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return leading ? space + text : text + space
  }

  private func counted(_ count: Int, _ noun: String) -> String {
    HumanText.counted(count, noun)
  }
}
