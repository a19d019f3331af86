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
    public let finding: String
    /// What to change.
    public let remedy: String
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
  public func text(atMost limit: Int = 3) -> String? {
    guard times.total > 0, times.steps > 0 else { return nil }
    let inSteps = min(1, times.inSteps / times.total)
    let head =
      "Where the time went: \(HumanText.percent(inSteps)) of \(HumanText.duration(seconds: times.total)) in steps"
    guard !losses.isEmpty else { return head + ", and nothing in the way of computing." }
    let told = losses.prefix(limit).enumerated().map { place, loss in
      let cost =
        loss.seconds.map { "\(HumanText.duration(seconds: $0)) (\(HumanText.percent(loss.share ?? 0)))" }
        ?? "cost not known"
      return "\(place + 1). \(loss.finding): \(cost). \(loss.remedy)."
    }
    return head + ". What cost most: " + told.joined(separator: " ")
  }

  /// The losses for programs.
  public var json: JSON {
    .array(
      losses.map { loss in
        [
          "kind": .string(loss.kind.rawValue), "seconds": loss.seconds.map(JSON.number) ?? .null,
          "share": loss.share.map(JSON.number) ?? .null, "finding": .string(loss.finding),
          "remedy": .string(loss.remedy),
        ]
      })
  }
}
