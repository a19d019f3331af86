import OrderedJSON

/// What differs between the trials of a sweep.
public struct SweepSetting: Hashable, Sendable {
  /// The largest learning rate.
  public var learningRate: Double
  /// The strength of the pull towards the reference.
  public var beta: Double
  /// The name of the loss.
  public var lossType: String

  /// A setting.
  public init(learningRate: Double, beta: Double, lossType: String) {
    (self.learningRate, self.beta, self.lossType) = (learningRate, beta, lossType)
  }

  /// The options of `train` that make it so.
  public var options: String {
    "--learning-rate \(HumanText.exact(learningRate)) --beta \(HumanText.exact(beta)) --loss-type \(lossType)"
  }

  /// A name for a folder.
  public var name: String {
    "lr-\(HumanText.exact(learningRate))-beta-\(HumanText.exact(beta))-\(lossType)"
  }

  /// The same in words.
  public var phrase: Phrase {
    let (rate, strength) = (HumanText.short(learningRate), HumanText.short(beta))
    return Phrase(
      en: "learning rate \(rate), β \(strength), \(lossType)", zh: "学习率 \(rate)，β \(strength)，\(lossType)")
  }
}

/// One training of a sweep that has ended: what was set, and what came out.
public struct SweepTrial: Hashable, Sendable {
  /// What a trial measured on held-out pairs after its last step.
  public struct Result: Hashable, Sendable {
    /// Held-out pairs.
    public var pairs: Int
    /// Those whose chosen answer had the larger reward.
    public var wins: Int
    /// Those whose answers had equal rewards, which count half.
    public var ties: Int
    /// The mean reward margin.
    public var margin: Double
    /// The mean loss; not to be compared between kinds of loss.
    public var loss: Double
    /// Optimizer steps.
    public var steps: Int
    /// Seconds that the steps took.
    public var trainingSeconds: Double
    /// Seconds that measuring held-out pairs took.
    public var evaluationSeconds: Double

    /// A result.
    public init(
      pairs: Int, wins: Int, ties: Int, margin: Double, loss: Double, steps: Int, trainingSeconds: Double,
      evaluationSeconds: Double
    ) {
      (self.pairs, self.wins, self.ties) = (pairs, wins, ties)
      (self.margin, self.loss, self.steps) = (margin, loss, steps)
      (self.trainingSeconds, self.evaluationSeconds) = (trainingSeconds, evaluationSeconds)
    }
  }

  /// How a trial ended.
  public enum Ending: Hashable, Sendable {
    /// It went to its last step.
    case measured(Result)
    /// It could not go on; the reason in words.
    case failed(String)
  }

  /// What was set.
  public var setting: SweepSetting
  /// What came out.
  public var ending: Ending

  /// A trial that has ended.
  public init(_ setting: SweepSetting, _ ending: Ending) { (self.setting, self.ending) = (setting, ending) }

  /// What it measured; nil where it failed.
  public var result: Result? { if case .measured(let result) = ending { result } else { nil } }

  /// The accuracy with its interval; nil where the trial failed.
  public var accuracy: Estimate? {
    result.flatMap { .wilson(successes: Double($0.wins) + 0.5 * Double($0.ties), trials: $0.pairs) }
  }
}

/// A line of `sweep.jsonl` for each trial.
extension SweepTrial {
  /// The line, under the names of the options and of `metrics.jsonl`.
  public var json: JSON {
    var members: JSON.Object = [
      "trial": .string(setting.name), "learning_rate": .number(setting.learningRate), "beta": .number(setting.beta),
      "loss_type": .string(setting.lossType),
    ]
    switch ending {
    case .failed(let reason): members["failed"] = .string(reason)
    case .measured(let result):
      members["eval_pairs"] = .integer(result.pairs)
      members["eval_wins"] = .integer(result.wins)
      members["eval_ties"] = .integer(result.ties)
      if let accuracy {
        members["eval_accuracy"] = .number(accuracy.value)
        members["eval_accuracy_low"] = .number(accuracy.low)
        members["eval_accuracy_high"] = .number(accuracy.high)
      }
      members["eval_rewards/margins"] = .number(result.margin)
      members["eval_loss"] = .number(result.loss)
      members["steps"] = .integer(result.steps)
      members["time/training"] = .number(result.trainingSeconds)
      members["time/evaluation"] = .number(result.evaluationSeconds)
    }
    return .object(members)
  }

  /// Reads what `json` wrote; nil where it is something else.
  public init?(_ json: JSON) {
    guard let learningRate = json["learning_rate"]?.double, let beta = json["beta"]?.double,
      let lossType = json["loss_type"]?.string
    else { return nil }
    setting = SweepSetting(learningRate: learningRate, beta: beta, lossType: lossType)
    if let reason = json["failed"]?.string {
      ending = .failed(reason)
      return
    }
    guard let pairs = json["eval_pairs"]?.int, let wins = json["eval_wins"]?.int, let ties = json["eval_ties"]?.int
    else { return nil }
    ending = .measured(
      Result(
        pairs: pairs, wins: wins, ties: ties, margin: json["eval_rewards/margins"]?.double ?? .nan,
        loss: json["eval_loss"]?.double ?? .nan,
        steps: json["steps"]?.int ?? 0, trainingSeconds: json["time/training"]?.double ?? 0,
        evaluationSeconds: json["time/evaluation"]?.double ?? 0))
  }
}
