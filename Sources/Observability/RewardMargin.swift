/// When a reward margin counts as none.
public enum RewardMargin {
  /// Whether policy and reference are still the same model: the margin is 0 but for rounding, and an accuracy means nothing.
  public static func isNone(_ margin: Double) -> Bool { abs(margin) < 1e-6 }
}
