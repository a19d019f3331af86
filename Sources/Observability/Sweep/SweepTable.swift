import OrderedJSON

/// The outcome of a sweep: its trials by held-out accuracy, the choice among them, and where the time went.
public struct SweepTable: Sendable {
  /// Where the time of this start of the sweep went, in seconds.
  public struct Times: Hashable, Sendable {
    /// Reading and tokenizing pairs, or taking the tokens from disk.
    public var tokens = 0.0
    /// Finding out the reference's log-probabilities.
    public var reference = 0.0
    /// Optimizer steps.
    public var training = 0.0
    /// Measuring held-out pairs.
    public var evaluation = 0.0
    /// All of it, with what is none of these.
    public var total = 0.0
    /// Pairs whose reference log-probabilities were found on disk.
    public var referenceFound = 0
    /// Pairs whose reference log-probabilities were computed.
    public var referenceComputed = 0

    /// No time yet.
    public init() {}
  }

  /// The trials that have ended, in the order in which they were asked for.
  public var trials: [SweepTrial]
  /// What the options say without a sweep.
  public var standard: SweepSetting
  /// Where the time went.
  public var times: Times
  /// Where the best trial's model is; nil where none was saved.
  public var savedBest: String?

  /// An outcome.
  public init(trials: [SweepTrial], standard: SweepSetting, times: Times = Times()) {
    (self.trials, self.standard, self.times) = (trials, standard, times)
  }

  /// Which trial to take.
  public var choice: SweepChoice { SweepChoice(among: trials, standard: standard) }

  /// The trials, the best first, those that failed last.
  public var sorted: [SweepTrial] {
    trials.enumerated().sorted { one, other in
      let (first, second) = (one.element.accuracy?.value ?? -1, other.element.accuracy?.value ?? -1)
      return first == second ? one.offset < other.offset : first > second
    }.map(\.element)
  }

  static let head = ["learning rate", "β", "loss type", "accuracy", "95 % interval", "margin", "loss", "steps", "time"]

  /// The cells of a trial's row.
  static func cells(_ trial: SweepTrial) -> [String] {
    let setting = [
      HumanText.short(trial.setting.learningRate), HumanText.short(trial.setting.beta), trial.setting.lossType,
    ]
    switch trial.ending {
    case .failed(let reason): return setting + ["failed: \(reason)"]
    case .measured(let result):
      return setting + [
        trial.accuracy.map { HumanText.percent($0.value) } ?? "–", trial.accuracy?.interval ?? "–",
        HumanText.fixed(result.margin, 3), HumanText.fixed(result.loss, 4), HumanText.grouped(result.steps),
        HumanText.duration(seconds: result.trainingSeconds + result.evaluationSeconds),
      ]
    }
  }

  /// The table, the choice, and the times, as text. The chosen trial has an arrow.
  public var text: String {
    let choice = self.choice
    let rows = [Self.head] + sorted.map(Self.cells)
    let widths = Self.head.indices.map { column in
      rows.filter { $0.count == Self.head.count }.map { $0[column].count }.max() ?? 0
    }
    let marks = [" "] + sorted.map { $0 == choice.trial ? "→" : " " }
    let lines = zip(marks, rows).map { mark, cells in
      let padded = cells.enumerated().map { column, cell in
        column == cells.count - 1 ? cell : cell + String(repeating: " ", count: max(0, widths[column] - cell.count))
      }
      return mark + " " + padded.joined(separator: "  ")
    }
    return [lines.joined(separator: "\n"), TerminalText.wrapped(choice.text, width: 88), timesText].joined(
      separator: "\n\n")
  }

  private var timesText: String {
    var parts = ["tokens \(HumanText.fixed(times.tokens, 1)) s"]
    parts.append(
      "reference \(HumanText.fixed(times.reference, 1)) s (\(HumanText.counted(times.referenceComputed, "pair")) computed, "
        + "\(HumanText.grouped(times.referenceFound)) found on disk)")
    parts.append("training \(HumanText.fixed(times.training, 1)) s")
    parts.append("evaluation \(HumanText.fixed(times.evaluation, 1)) s")
    return TerminalText.wrapped(
      "Time: \(HumanText.duration(seconds: times.total)): \(parts.joined(separator: ", ")).", width: 88)
  }

  /// The same for programs.
  public var json: JSON {
    let choice = self.choice
    var members: JSON.Object = [
      "trials": .array(sorted.map(\.json)),
      "choice": choice.trial.map {
        [
          "trial": .string($0.setting.name), "learning_rate": .number($0.setting.learningRate),
          "beta": .number($0.setting.beta), "loss_type": .string($0.setting.lossType),
          "options": .string($0.setting.options),
        ]
      } ?? .null,
      "verdict": .string(choice.verdict.rawValue),
      "sentence": .string(choice.text),
      "time/tokens": .number(times.tokens), "time/reference": .number(times.reference),
      "time/training": .number(times.training), "time/evaluation": .number(times.evaluation),
      "time/total": .number(times.total), "reference_found": .integer(times.referenceFound),
      "reference_computed": .integer(times.referenceComputed),
    ]
    if let savedBest { members["saved_best"] = .string(savedBest) }
    return .object(members)
  }
}
