extension Estimate {
  /// A share of trials with its score interval (Wilson, 1927, "Probable inference, the law of succession, and statistical
  /// inference", Journal of the American Statistical Association 22, 209–212):
  ///
  ///     (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
  ///
  /// Unlike p ± z √(p(1 − p)/n) it holds for small n, and at 0 and 1.
  ///
  /// - Parameters:
  ///   - successes: may be a fraction: a tie counts half, which makes the interval wider than it need be and never narrower
  ///   - trials: above 0
  ///   - quantile: of the normal distribution: how many standard deviations the interval reaches to either side
  /// - Returns: nil without trials
  public static func wilson(
    successes: Double, trials: Int, quantile z: Double = normalQuantile
  ) -> Estimate? {
    guard trials > 0 else { return nil }
    let n = Double(trials)
    let share = successes / n
    let scale = 1 + z * z / n
    let center = (share + z * z / (2 * n)) / scale
    let reach = z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot() / scale
    // At 0 and 1 rounding may put the share itself outside.
    return Estimate(share, low: max(0, min(share, center - reach)), high: min(1, max(share, center + reach)))
  }
}
