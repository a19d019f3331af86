import DPO
import Observability
import OrderedCollections
import OrderedJSON
import Preferences
import Training

/// What is said of an evaluation: its means, how certain its accuracy is, how it changed since the start, and how its slices
/// did.
struct EvaluationFigures {
  let evaluation: Evaluation
  /// How often the chosen answer has the larger reward.
  let accuracy: RewardAccuracy
  /// By metric: the mean change over the same pairs; empty where there is nothing to compare with.
  let changes: OrderedDictionary<String, Estimate>
  let slices: [SliceFigures]

  /// - Parameters:
  ///   - start: what the same pairs measured before the first step; nil where that is not known
  init(_ evaluation: Evaluation, slices: [PairSlice], since start: [PairResult]? = nil) {
    self.evaluation = evaluation
    let margins = evaluation.pairs.map(\.margin)
    accuracy = RewardAccuracy(margins: margins)
    changes = start.map { Self.changes(from: $0, to: evaluation.pairs) } ?? [:]
    self.slices =
      accuracy.isAtChance
      ? []
      : slices.compactMap { slice in
        SliceFigures(trait: slice.trait.rawValue, label: slice.label, margins: slice.places.map { margins[$0] })
      }
  }

  private static func changes(from start: [PairResult], to now: [PairResult]) -> OrderedDictionary<String, Estimate> {
    guard start.map(\.index) == now.map(\.index), start != now else { return [:] }
    let measures: [(name: String, value: (PairResult) -> Double)] = [
      (MetricName.loss, { $0.loss }),
      (MetricName.rewardAccuracies, { RewardAccuracy.score($0.margin) }),
      (MetricName.rewardMargins, { $0.margin }),
      (MetricName.logpsAccuracies, { RewardAccuracy.score($0.logProbabilityMargin) }),
    ]
    var changes: OrderedDictionary<String, Estimate> = [:]
    for (name, value) in measures {
      // The same draws for each, so that their intervals go together.
      var generator = SeededGenerator(seed: 42)
      changes[name] = .bootstrap(of: zip(now, start).map { value($0) - value($1) }, using: &generator)
    }
    return changes
  }

  /// Adds the numbers to a record.
  ///
  /// - Parameter prefix: what stands before their names
  func add(to record: inout MetricsRecord, prefix: String) {
    record.set(prefix + MetricName.pairs, to: evaluation.pairs.count)
    for (name, value) in evaluation.metrics.means { record[prefix + name] = value }
    // Rewards are all 0 before the first step; this tells even then what the model itself prefers.
    record[prefix + MetricName.logpsAccuracies] =
      evaluation.metrics.logProbabilityAccuracies / max(1, evaluation.metrics.pairs)
    if !accuracy.isAtChance, let estimate = accuracy.estimate {
      record[prefix + MetricName.accuracyLow] = estimate.low
      record[prefix + MetricName.accuracyHigh] = estimate.high
    }
    if !changes.isEmpty {
      record.set(prefix + MetricName.changes, to: .object(JSON.Object(changes.map { ($0.key, $0.value.json) })))
    }
    if !slices.isEmpty { record.set(prefix + MetricName.slices, to: SliceFigures.json(of: slices)) }
  }

  /// Loss, margin and accuracy in words.
  var words: Phrase {
    let means = Dictionary(uniqueKeysWithValues: evaluation.metrics.means.map { ($0.name, $0.value) })
    // Equal models reward nothing, and a tie is no failure.
    let estimate = accuracy.isAtChance ? nil : accuracy.estimate
    return TrainingWords.figures(
      loss: HumanText.fixed(means[MetricName.loss] ?? .nan, 4),
      margin: HumanText.fixed(means[MetricName.rewardMargins] ?? .nan, 3), accuracy: estimate,
      pairs: evaluation.pairs.count)
  }
}
