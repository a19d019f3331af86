import OrderedJSON

/// What a whole run amounted to: the last line of `metrics.jsonl`, and a source of the closing words and the report.
public struct RunTotals: Hashable, Sendable {
  /// Optimizer steps done.
  public var steps: Int
  /// Passes over the training pairs, as a fraction.
  public var epochs: Double
  /// Pairs trained on, each counted as often as it was used.
  public var pairs: Int
  /// Tokens run through the model in training.
  public var tokens: Int
  /// Wall time of the run (of this start of it, if it was resumed), in seconds.
  public var seconds: Double
  /// The part of it that optimizer steps took, in seconds; the rest went to evaluations, checkpoints and the reference.
  public var stepSeconds = 0.0
  /// Seconds that evaluations took, of this start of the run.
  public var evaluationSeconds = 0.0
  /// Seconds that the reference took ahead of the first step, of this start.
  public var referenceSeconds = 0.0
  /// Checkpoints that were saved.
  public var checkpoints = 0
  /// Seconds in which training stood still for them.
  public var checkpointSeconds = 0.0
  /// How often the job's processes were restarted.
  public var restarts = 0
  /// Pairs in the data, before any was dropped.
  public var pairsRead: Int?
  /// Pairs left out, by reason in words ("nothing to learn from within 1024 tokens").
  public var dropped: TextDictionary<Int>
  /// Sides of pairs that were cut to the maximum length.
  public var truncated: Int
  /// Why training stopped before its last step ("SIGTERM"); nil when it ran to the end.
  public var stoppedBy: String?
  /// Why the run ended before its last step by itself, in words; nil when it did not.
  public var endedEarly: String?

  /// Totals of a run.
  public init(
    steps: Int, epochs: Double = 0, pairs: Int = 0, tokens: Int = 0, seconds: Double = 0, pairsRead: Int? = nil,
    dropped: TextDictionary<Int> = [:], truncated: Int = 0, stoppedBy: String? = nil
  ) {
    self.steps = steps
    self.epochs = epochs
    self.pairs = pairs
    self.tokens = tokens
    self.seconds = seconds
    self.pairsRead = pairsRead
    self.dropped = dropped
    self.truncated = truncated
    self.stoppedBy = stoppedBy
  }

  /// Reads the last line of a finished run's file; nil where it is not one.
  public init?(_ json: JSON) {
    guard json["event"]?.string == "end" else { return nil }
    self.init(
      steps: json["steps"]?.int ?? 0, epochs: json["epochs"]?.double ?? 0, pairs: json["pairs"]?.int ?? 0,
      tokens: json["tokens"]?.int ?? 0, seconds: json["seconds"]?.double ?? 0, pairsRead: json["pairs_read"]?.int,
      dropped: (json["dropped"]?.object ?? [:]).compactMapValues(\.int), truncated: json["truncated"]?.int ?? 0,
      stoppedBy: json["stopped_by"]?.string)
    stepSeconds = (json["goodput"]?.double ?? 0) * seconds
    evaluationSeconds = json["evaluation_seconds"]?.double ?? 0
    referenceSeconds = json["reference_seconds"]?.double ?? 0
    checkpoints = json["checkpoints"]?.int ?? 0
    checkpointSeconds = json["checkpoint_seconds"]?.double ?? 0
    restarts = json["restarts"]?.int ?? 0
    endedEarly = json["ended_early"]?.string
  }

  /// The line: `{"event": "end", "steps": …}`.
  public var json: JSON {
    [
      "event": "end", "steps": .integer(steps), "epochs": .number(epochs), "pairs": .integer(pairs),
      "tokens": .integer(tokens), "seconds": .number(seconds),
      "goodput": .number(seconds > 0 ? min(1, stepSeconds / seconds) : 0),
      "evaluation_seconds": .number(evaluationSeconds), "reference_seconds": .number(referenceSeconds),
      "checkpoints": .integer(checkpoints), "checkpoint_seconds": .number(checkpointSeconds),
      "restarts": .integer(restarts),
      "pairs_read": pairsRead.map(JSON.integer) ?? .null,
      "dropped": .object(dropped.mapValues(JSON.integer)), "truncated": .integer(truncated),
      "stopped_by": stoppedBy.map(JSON.string) ?? .null, "ended_early": endedEarly.map(JSON.string) ?? .null,
    ]
  }
}
