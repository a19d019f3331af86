import OrderedJSON

/// Why a run was slow: what took its time besides computing, the largest loss first, and what to change about each. A pure
/// function of what the run recorded, at its end or afterwards.
public struct TimeLosses: Hashable, Sendable {
  /// A loss of time.
  public struct Loss: Hashable, Sendable {
    /// What it is; stable, for programs and translations.
    public let kind: Kind
    /// What it cost; nil where it cannot be told from what was recorded.
    public let seconds: Double?
    /// The part of the whole run that this is, 0…1.
    public let share: Double?
    /// What was found, as a sentence without its full stop.
    public let finding: Phrase
    /// What to change.
    public let remedy: Phrase
  }

  /// The kinds of losses, each of which has a rule in `rules`.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case data, communication, straggler, checkpoints, evaluations, reference
    case sharedCores = "shared-cores"
    case tooManyThreads = "too-many-threads"
    case slowDisk = "slow-disk"
    case wrongType = "wrong-type"
    case smallBatch = "small-batch"
    case containerNetwork = "container-network"
  }

  /// The times that the losses are parts of.
  public let times: RunTimes
  /// All losses worth a word, the largest first; those whose cost is not known after them.
  public let losses: [Loss]

  /// Below this part of the run a loss is not worth a word.
  static let least = 0.03

  /// Judges a run.
  public init(_ times: RunTimes, at place: RunMachine) {
    self.times = times
    losses = Self.rules.compactMap { kind, rule -> Loss? in
      guard times.total > 0, let cost = rule(times, place) else { return nil }
      let share = cost.seconds.map { min(1, $0 / times.total) }
      guard share ?? 1 >= Self.least else { return nil }
      return Loss(kind: kind, seconds: cost.seconds, share: share, finding: cost.finding, remedy: cost.remedy)
    }.enumerated().sorted { ($1.element.seconds ?? -1, $0.offset) < ($0.element.seconds ?? -1, $1.offset) }.map(
      \.element)
  }

  /// A paragraph: the largest losses in order, what each cost, and what to change.
  ///
  /// - Parameter limit: how many losses are told
  public func text(atMost limit: Int = 3) -> Phrase? {
    guard times.total > 0, times.steps > 0 else { return nil }
    let inSteps = HumanText.percent(min(1, times.inSteps / times.total))
    let total = Phrase { HumanText.duration(seconds: times.total, in: $0) }
    let head = Phrase(
      en: "Where the time went: \(inSteps) of \(total.en) in steps", zh: "时间花在哪里：\(total.zh)中有 \(inSteps) 用于优化步")
    guard !losses.isEmpty else {
      return head + Phrase(en: ", and nothing in the way of computing.", zh: "，没有什么妨碍计算。")
    }
    let told = losses.prefix(limit).enumerated().map { place, loss in
      let cost =
        loss.seconds.map { seconds in
          Phrase { HumanText.duration(seconds: seconds, in: $0) }
            + Phrase(
              en: " (\(HumanText.percent(loss.share ?? 0)))", zh: "（\(HumanText.percent(loss.share ?? 0))）")
        } ?? Phrase(en: "cost not known", zh: "代价未知")
      return Phrase(
        en: "\(place + 1). \(loss.finding.en): \(cost.en). \(loss.remedy.en).",
        zh: "\(place + 1). \(loss.finding.zh)：\(cost.zh)。\(loss.remedy.zh)。")
    }
    return head + Phrase(en: ". What cost most: ", zh: "。代价最大的是：") + told.joinedSentences
  }

  /// The losses for programs, in English words.
  public var json: JSON {
    .array(
      losses.map { loss in
        [
          "kind": .string(loss.kind.rawValue), "seconds": loss.seconds.map(JSON.number) ?? .null,
          "share": loss.share.map(JSON.number) ?? .null, "finding": .string(loss.finding.en),
          "remedy": .string(loss.remedy.en),
        ]
      })
  }
}
