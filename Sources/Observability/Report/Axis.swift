import Foundation

/// The scale of a plot: a range with round ticks.
struct Axis {
  let range: ClosedRange<Double>
  let ticks: [Double]
  private let step: Double

  /// A scale over the values given, widened to the ticks around them.
  ///
  /// - Parameters:
  ///   - count: about how many intervals there are room for.
  ///   - isWhole: whether fractions make no sense (steps).
  ///   - isTight: whether the range ends at the values instead of at ticks.
  init(covering values: ClosedRange<Double>, count: Int = 4, isWhole: Bool = false, isTight: Bool = false) {
    var lower = values.lowerBound
    var upper = values.upperBound
    if upper - lower <= abs(upper) * 1e-9 {
      // One value, or none that differ: some room on both sides, so that the line is not the frame.
      let room = isWhole || upper == 0 ? 1 : abs(upper) * 0.1
      lower -= room
      upper += room
    }
    let step = Self.roundStep(atLeast: (upper - lower) / Double(count), isWhole: isWhole)
    self.step = step
    // The small allowance keeps 0.30000000000000004 from opening another interval.
    let first = isTight ? (lower / step - 1e-9).rounded(.up) : (lower / step + 1e-9).rounded(.down)
    let last = isTight ? (upper / step + 1e-9).rounded(.down) : (upper / step - 1e-9).rounded(.up)
    ticks = first <= last ? stride(from: first, through: last, by: 1).map { $0 * step } : []
    range = isTight ? lower...upper : first * step...max(last, first + 1) * step
  }

  /// 1, 2 or 5 times a power of ten.
  private static func roundStep(atLeast size: Double, isWhole: Bool) -> Double {
    let power = pow(10, log10(size).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= size * 0.999 } ?? power * 10
    return isWhole ? max(1, step) : step
  }

  /// A tick in words, with as many digits as tell it from its neighbours.
  func label(_ tick: Double) -> String {
    let size = max(abs(range.lowerBound), abs(range.upperBound))
    if tick == 0 { return "0" }
    if size < 0.001 { return HumanText.short(tick) }
    if size >= 10_000 {
      let (unit, name) = size >= 1e9 ? (1e9, "G") : size >= 1e6 ? (1e6, "M") : (1e3, "k")
      return HumanText.fixed(tick / unit, Self.digits(step / unit)) + name
    }
    return HumanText.fixed(tick, Self.digits(step))
  }

  private static func digits(_ step: Double) -> Int { max(0, Int((-log10(step) - 1e-9).rounded(.up))) }

  /// Where a value lies, 0 at the lower and 1 at the upper end.
  func position(_ value: Double) -> Double { (value - range.lowerBound) / (range.upperBound - range.lowerBound) }
}
