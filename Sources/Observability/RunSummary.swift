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

    /// The folder, where it is one.
    var folder: String? {
      switch self {
      case .folder(let path), .adapter(let path, _): path
      case .weightFile, .loraFile: nil
      }
    }
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
  /// Why the run ended early, in both languages; nil where it did not, or where ``totals`` alone say it.
  public var endReason: Phrase?
  /// Slices of the held-out pairs after training.
  public var slices: [SliceFigures] = []
  /// What was written.
  public var outputs: [Output] = []
  /// Further files worth a look, with a word of what each is: `("report", "out/report.html")`.
  public var files: OrderedDictionary<String, String> = [:]
  /// The reasons of ``totals`` in both languages, by the words that they have there.
  public var droppedWords: [String: Phrase] = [:]
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

  /// The words, in lines of at most 88 columns.
  public var text: String { text(width: 88) }

  /// The words in the language of this process's messages: several paragraphs without escape sequences.
  ///
  /// - Parameter width: how many columns a line has at the most; commands and paths may be longer
  public func text(width: Int) -> String {
    let judgement =
      texts.map { [$0.explanation, droppedLine].compactMap(\.self) + $0.warnings(learningRate: learningRate) }
      ?? [verdict, sliceRemark, explanation, droppedLine].compactMap(\.self) + warnings
    let prose = judgement + notes
    let paragraphs =
      [headline, texts.map { $0.table } ?? table].compactMap(\.self).map { Self.fitted($0, width: width) }
      + prose.map { TerminalText.wrapped($0, width: width) }
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
