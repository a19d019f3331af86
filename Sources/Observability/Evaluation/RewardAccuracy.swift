/// How often the chosen answer has the larger reward, where a tie is as good as a coin toss.
///
/// TRL counts a tie as a failure, so that a model that equals its reference has the accuracy 0. For an interval that would be
/// wrong: half of the ties count here.
public struct RewardAccuracy: Hashable, Sendable {
  /// Pairs whose chosen answer has the larger reward.
  public var wins: Int
  /// Pairs whose answers have equal rewards, but for rounding.
  public var ties: Int
  /// All pairs.
  public var pairs: Int

  /// Counts the pairs of some reward margins; those that are not numbers count as lost.
  public init(margins: some Collection<Double>) {
    ties = margins.count { RewardMargin.isNone($0) }
    wins = margins.count { $0 > 0 && !RewardMargin.isNone($0) }
    pairs = margins.count
  }

  /// What a pair's margin counts: 1, 0, or ½ for a tie.
  public static func score(_ margin: Double) -> Double { RewardMargin.isNone(margin) ? 0.5 : margin > 0 ? 1 : 0 }

  /// Whether there is nothing to tell yet: policy and reference are the same model.
  public var isAtChance: Bool { ties == pairs }

  /// The share of wins, ties counting half, with Wilson's interval; nil without pairs.
  public var estimate: Estimate? {
    .wilson(successes: Double(wins) + 0.5 * Double(ties), trials: pairs)
  }
}
