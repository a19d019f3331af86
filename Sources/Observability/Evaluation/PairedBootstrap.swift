import Foundation

extension Estimate {
  /// The mean of differences that were measured on the same units twice, with its bootstrap interval: units are drawn
  /// with replacement, and the interval is that of the means of such draws (Efron, 1979, "Bootstrap methods: another look at the
  /// jackknife", Annals of Statistics 7, 1–26; the percentile interval). Its ends are moved outwards as Hesterberg (2015, "What
  /// teachers should know about the bootstrap", The American Statistician 69, 371–386, section 5.3) does, without which it
  /// is too narrow for few units: at α' = Φ(−√(n/(n − 1)) t(α/2, n − 1)).
  ///
  /// - Parameters:
  ///   - differences: after minus before of each unit
  ///   - weights: what each unit weighs: the result is Σ differences / Σ weights; 1 each where nil
  ///   - resamples: how many draws; fewer are made of many units, where ends are known well enough without
  ///   - generator: the same one gives the same interval, and several metrics of the same units the same draws
  /// - Returns: nil for fewer than two units
  public static func bootstrap(
    of differences: [Double], weights: [Double]? = nil, resamples: Int = 2000,
    using generator: inout some RandomNumberGenerator
  ) -> Estimate? {
    let count = differences.count
    guard count > 1 else { return nil }
    let whole = weights?.reduce(0, +) ?? Double(count)
    let value = differences.reduce(0, +) / whole
    guard value.isFinite else { return Estimate(.nan, low: .nan, high: .nan) }
    let draws = max(400, min(resamples, 20_000_000 / count))
    var means = (0..<draws).map { _ in
      var sum = 0.0
      var weight = 0.0
      for _ in 0..<count {
        let unit = Int(generator.next().multipliedFullWidth(by: UInt64(count)).high)
        sum += differences[unit]
        weight += weights?[unit] ?? 1
      }
      return sum / weight
    }
    means.sort()
    let tail = expandedTail(units: count)
    return Estimate(value, low: quantile(tail, of: means), high: quantile(1 - tail, of: means))
  }

  /// α' of a 95 % interval over so many units.
  package static func expandedTail(units: Int) -> Double {
    let n = Double(units)
    let reach = (n / (n - 1)).squareRoot() * studentQuantile(degreesOfFreedom: n - 1)
    return 0.5 * erfc(reach / 2.0.squareRoot())
  }

  /// The 0.975 quantile of Student's distribution, from that of the normal one (Abramowitz and Stegun, 1964, 26.7.5).
  private static func studentQuantile(degreesOfFreedom degrees: Double) -> Double {
    // The expansion is off below three degrees of freedom, of which nobody should expect an interval.
    guard degrees > 2 else { return degrees > 1 ? 4.303 : 12.706 }
    let z = normalQuantile
    let terms = [
      (pow(z, 3) + z) / 4,
      (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / 96,
      (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / 384,
      (79 * pow(z, 9) + 776 * pow(z, 7) + 1482 * pow(z, 5) - 1920 * pow(z, 3) - 945 * z) / 92_160,
    ]
    return z + terms.enumerated().reduce(0) { $0 + $1.element / pow(degrees, Double($1.offset + 1)) }
  }

  /// A quantile of sorted numbers, between neighbours by their distance (numpy's default).
  private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
    let place = share * Double(sorted.count - 1)
    let below = Int(place)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
  }
}
