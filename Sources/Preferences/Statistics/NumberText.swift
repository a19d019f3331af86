import Foundation

/// A number with its thousands set apart: 1,227,600.
package func grouped(_ value: Int) -> String {
  var digits = String(value)
  var position = digits.count - 3
  while position > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
    position -= 3
  }
  return digits
}

/// A number with its noun: 1 pair, 1,234 pairs.
func counted(_ value: Int, _ noun: String) -> String { "\(grouped(value)) \(noun)\(value == 1 ? "" : "s")" }

/// A share as 71.9 %.
func percentText(_ part: Int, of whole: Int) -> String {
  whole == 0 ? "–" : String(format: "%.1f %%", 100 * Double(part) / Double(whole))
}
