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

  static let head = [
    Phrase(en: "learning rate", zh: "学习率"), Phrase("β"), Phrase(en: "loss type", zh: "损失类型"),
    Phrase(en: "accuracy", zh: "准确率"), Phrase(en: "95 % interval", zh: "95 % 置信区间"), Phrase(en: "margin", zh: "奖励差"),
    Phrase(en: "loss", zh: "损失"), Phrase(en: "steps", zh: "步数"), Phrase(en: "time", zh: "用时"),
  ]

  /// Why a trial failed whose numbers were no longer finite, as its record says it.
  public static let notFinite = "not a finite number"

  /// The cells of a trial's row.
  static func cells(_ trial: SweepTrial) -> [Phrase] {
    let setting = [
      Phrase(HumanText.short(trial.setting.learningRate)), Phrase(HumanText.short(trial.setting.beta)),
      Phrase(trial.setting.lossType),
    ]
    switch trial.ending {
    case .failed(let reason):
      return setting + [
        Phrase(en: "failed: \(reason)", zh: "失败：\(reason == Self.notFinite ? "出现了不是有限的数" : reason)")
      ]
    case .measured(let result):
      return setting + [
        Phrase(trial.accuracy.map { HumanText.percent($0.value) } ?? "–"), trial.accuracy?.interval ?? Phrase("–"),
        Phrase(HumanText.fixed(result.margin, 3)), Phrase(HumanText.fixed(result.loss, 4)),
        Phrase(HumanText.grouped(result.steps)),
        Phrase { HumanText.duration(seconds: result.trainingSeconds + result.evaluationSeconds, in: $0) },
      ]
    }
  }

  /// The table, the choice, and the times, as text in the language of this process's messages. The chosen trial has an arrow.
  public var text: String { text(in: .current) }

  /// The same in a language.
  public func text(in language: MessageLanguage) -> String {
    let choice = self.choice
    let rows = ([Self.head] + sorted.map(Self.cells)).map { $0.map { $0[language] } }
    let widths = Self.head.indices.map { column in
      rows.filter { $0.count == Self.head.count }.map { TerminalText.columns($0[column]) }.max() ?? 0
    }
    let marks = [" "] + sorted.map { $0 == choice.trial ? "→" : " " }
    let lines = zip(marks, rows).map { mark, cells in
      let padded = cells.enumerated().map { column, cell in
        column == cells.count - 1
          ? cell : cell + String(repeating: " ", count: max(0, widths[column] - TerminalText.columns(cell)))
      }
      return mark + " " + padded.joined(separator: "  ")
    }
    return
      ([lines.joined(separator: "\n")]
      + [choice.words, timesWords].map { TerminalText.wrapped($0[language], width: 88) }).joined(separator: "\n\n")
  }

  private var timesWords: Phrase {
    func seconds(_ value: Double) -> String { HumanText.fixed(value, 1) }
    let (tokens, reference) = (seconds(times.tokens), seconds(times.reference))
    let (training, evaluation) = (seconds(times.training), seconds(times.evaluation))
    let total = Phrase { HumanText.duration(seconds: times.total, in: $0) }
    let found = HumanText.grouped(times.referenceFound)
    return Phrase(
      en: "Time: \(total.en): tokens \(tokens) s, reference \(reference) s "
        + "(\(HumanText.counted(times.referenceComputed, "pair")) computed, \(found) found on disk), training \(training) s, "
        + "evaluation \(evaluation) s.",
      zh: "用时 \(total.zh)：分词 \(tokens) 秒，参考模型 \(reference) 秒（新计算 \(HumanText.grouped(times.referenceComputed)) 个偏好对，"
        + "从磁盘读取 \(found) 个），训练 \(training) 秒，评估 \(evaluation) 秒。")
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
