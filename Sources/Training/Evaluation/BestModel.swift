/// Which step of a run had the best evaluation, and how long ago that was: `load_best_model_at_end` and `EarlyStoppingCallback` of
/// `transformers` 5.24, by their rules.
public struct BestModel: Sendable, Hashable, Codable {
  /// What decides.
  public struct Criterion: Sendable, Hashable {
    /// The metric's name as it was given, with or without `eval_` in front.
    public var metric: String
    /// Whether larger is better.
    public var greaterIsBetter: Bool
    /// After how many evaluations in a row without an improvement the run ends; nil for never.
    public var patience: Int?
    /// By how much a value must be better than the best so far to count as an improvement, for `patience`.
    public var threshold: Double

    /// - Parameter greaterIsBetter: nil for what `transformers` takes: smaller is better where the name ends in `loss`
    public init(metric: String, greaterIsBetter: Bool? = nil, patience: Int? = nil, threshold: Double = 0) {
      self.metric = metric
      self.greaterIsBetter = greaterIsBetter ?? !metric.hasSuffix("loss")
      (self.patience, self.threshold) = (patience, threshold)
    }

    func isBetter(_ value: Double, than best: Double) -> Bool { greaterIsBetter ? value > best : value < best }
  }

  /// A step and its metric.
  public struct Candidate: Sendable, Hashable, Codable {
    /// The optimizer step after which it was measured.
    public var step: Int
    /// The value.
    public var value: Double

    /// A step and its metric.
    public init(step: Int, value: Double) { (self.step, self.value) = (step, value) }
  }

  /// The value before the first step; nil where it was not measured.
  public private(set) var start: Double?
  /// The best evaluation after the first step, whether or not there is a checkpoint of it.
  public private(set) var best: Candidate?
  /// The best one of which the model is kept.
  public private(set) var kept: Candidate?
  /// The newest evaluation.
  public private(set) var latest: Candidate?
  /// Evaluations after the first step.
  public private(set) var evaluations = 0
  /// Evaluations in a row without an improvement.
  public private(set) var withoutImprovement = 0

  /// Nothing is measured yet.
  public init() {}

  /// Takes an evaluation into account.
  ///
  /// - Returns: whether the run is to end, as it did not improve for too long
  public mutating func add(_ value: Double, at step: Int, by criterion: Criterion) -> Bool {
    guard step > 0 else {
      start = value
      return false
    }
    latest = Candidate(step: step, value: value)
    evaluations += 1
    let improves = best.map { criterion.isBetter(value, than: $0.value) && abs(value - $0.value) > criterion.threshold }
    // The first evaluation has nothing to be compared with.
    withoutImprovement = improves ?? (evaluations == 1 || !value.isNaN) ? 0 : withoutImprovement + 1
    if best.map({ criterion.isBetter(value, than: $0.value) }) ?? !value.isNaN { best = latest }
    return criterion.patience.map { withoutImprovement >= $0 } ?? false
  }

  /// Notes that the model of the newest evaluation is kept: in a checkpoint, or, at the end of a run, in memory.
  public mutating func keepLatest(at step: Int, by criterion: Criterion) {
    if let latest, latest.step == step { keep(latest, by: criterion) }
  }

  /// Notes that the model of an earlier evaluation is kept.
  public mutating func keep(_ candidate: Candidate, by criterion: Criterion) {
    guard !candidate.value.isNaN else { return }
    if kept.map({ criterion.isBetter(candidate.value, than: $0.value) }) ?? true { kept = candidate }
  }
}
