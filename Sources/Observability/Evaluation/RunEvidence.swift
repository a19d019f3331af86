/// What a run measured that its model was not trained on, as far as a verdict rests on it.
public struct RunEvidence: Hashable, Sendable {
  /// Held-out pairs after training; nil where there were none.
  public var heldOut: HeldOut?
  /// The training pairs of the last logging interval; nil without a record.
  public var training: Training?
  /// The texts that were watched for forgetting; nil where there were none.
  public var guarded: Guarded?
  /// Answers to fixed prompts; nil where there were none.
  public var answers: Answers?

  /// Held-out pairs.
  public struct HeldOut: Hashable, Sendable {
    /// Their number.
    public var pairs: Int
    /// How often the chosen answer has the larger reward, ties counting half.
    public var accuracy: Estimate
    /// How much that changed since the start; nil where the start is not known.
    public var accuracyChange: Estimate?
    /// The mean margin of the rewards; nil where it is not known.
    public var margin: Double?
    /// How much the margin changed since the start; nil where that is not known.
    public var marginChange: Estimate?
    /// The accuracy on pairs whose chosen answer is the longer one.
    public var chosenLonger: Estimate?
    /// The accuracy on pairs whose rejected answer is the longer one.
    public var rejectedLonger: Estimate?

    /// What is always known.
    public init(pairs: Int, accuracy: Estimate) { (self.pairs, self.accuracy) = (pairs, accuracy) }
  }

  /// Pairs that were trained on.
  public struct Training: Hashable, Sendable {
    /// Their number.
    public var pairs: Int
    /// How often the chosen answer had the larger reward when their turn came.
    public var accuracy: Double
    /// Their mean margin.
    public var margin: Double

    /// Pairs with their means.
    public init(pairs: Int, accuracy: Double, margin: Double) {
      (self.pairs, self.accuracy, self.margin) = (pairs, accuracy, margin)
    }
  }

  /// Watched texts.
  public struct Guarded: Hashable, Sendable {
    /// The loss per token before the first step.
    public var before: Double
    /// The same after training.
    public var after: Double
    /// The difference, over the texts, with its interval; nil where that is not known.
    public var change: Estimate?

    /// The losses per token.
    public init(before: Double, after: Double, change: Estimate? = nil) {
      (self.before, self.after, self.change) = (before, after, change)
    }
  }

  /// Answers to fixed prompts.
  public struct Answers: Hashable, Sendable {
    /// Their number.
    public var count: Int
    /// Their mean length over that of the reference's answers.
    public var lengthRatio: Double
    /// In what way they have broken down; empty where they have not.
    public var degeneration: [String]

    /// Answers with what was found of them.
    public init(count: Int, lengthRatio: Double, degeneration: [String] = []) {
      (self.count, self.lengthRatio, self.degeneration) = (count, lengthRatio, degeneration)
    }
  }

  /// Nothing is known.
  public init() {}

  /// Reads the evidence out of a run's records.
  ///
  /// - Parameters:
  ///   - prefix: what stands before the names of the held-out pairs' metrics
  ///   - step: the step whose model was taken; nil for the last
  public init(_ log: MetricsLog, prefix: String = MetricName.evaluationPrefix, takenStep step: Int? = nil) {
    let records = log.records.filter { $0.step <= step ?? .max }
    let last = records.last { $0.values[prefix + MetricName.pairs] != nil && $0.step > 0 }
    heldOut = last.flatMap { HeldOut($0, prefix: prefix) }
    training = Training(records)
    let watched = records.filter { $0[MetricName.guardLoss] != nil }
    if let first = watched.first, let end = watched.last, first.step == 0, end.step > 0,
      let before = first[MetricName.guardLoss], let after = end[MetricName.guardLoss]
    {
      guarded = Guarded(before: before, after: after, change: Estimate(end.values[MetricName.guardLossDifference]))
    }
    let answered = records.last { $0[MetricName.samplesLengthRatio] != nil && $0.step > 0 }
    answers = answered.flatMap { record in
      guard let ratio = record[MetricName.samplesLengthRatio], let count = record[MetricName.samples] else {
        return nil
      }
      return Answers(
        count: HumanText.whole(count), lengthRatio: ratio,
        degeneration: (record.values[MetricName.samplesDegeneration]?.array ?? []).compactMap(\.string))
    }
  }
}

extension RunEvidence.HeldOut {
  fileprivate init?(_ record: MetricsRecord, prefix: String) {
    guard let pairs = record[prefix + MetricName.pairs], let margin = record[prefix + MetricName.rewardMargins] else {
      return nil
    }
    if let low = record[prefix + MetricName.accuracyLow], let high = record[prefix + MetricName.accuracyHigh],
      let value = record[prefix + MetricName.rewardAccuracies]
    {
      self.init(pairs: HumanText.whole(pairs), accuracy: Estimate(value, low: low, high: high))
    } else if RewardMargin.isNone(margin),
      let chance = Estimate.wilson(successes: pairs / 2, trials: HumanText.whole(pairs))
    {
      self.init(pairs: HumanText.whole(pairs), accuracy: chance)
    } else {
      return nil
    }
    self.margin = margin
    let changes = record.values[prefix + MetricName.changes]
    accuracyChange = Estimate(changes?[MetricName.rewardAccuracies])
    marginChange = Estimate(changes?[MetricName.rewardMargins])
    let slices = SliceFigures.slices(in: record.values[prefix + MetricName.slices])
    func longer(_ label: String) -> Estimate? {
      slices.first { $0.trait == "longer answer" && $0.label == label }?.accuracy
    }
    (chosenLonger, rejectedLonger) = (longer("chosen"), longer("rejected"))
  }
}

extension RunEvidence.Training {
  /// The last logging interval.
  fileprivate init?(_ records: [MetricsRecord]) {
    let intervals = records.filter { $0.values[MetricName.loss] != nil }
    guard let last = intervals.last, let accuracy = last[MetricName.rewardAccuracies],
      let margin = last[MetricName.rewardMargins], let pairs = last[MetricName.pairs]
    else { return nil }
    let before = intervals.dropLast().last?[MetricName.pairs] ?? 0
    self.init(pairs: HumanText.whole(pairs > before ? pairs - before : pairs), accuracy: accuracy, margin: margin)
  }
}
