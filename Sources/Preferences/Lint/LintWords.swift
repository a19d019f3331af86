import Foundation

/// A number with its thousands set apart: 1,227,600.
func grouped(_ value: Int) -> String {
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

/// The beginning of a text in quotes and on one line, for a note. Control characters do not reach the terminal.
func excerpt(_ text: String, length: Int = 48) -> String {
  var shown = String.UnicodeScalarView()
  var rest = text.unicodeScalars.drop(while: \.properties.isWhitespace)
  while let scalar = rest.popFirst(), shown.count < length {
    let isControl =
      scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
    shown.append(isControl ? " " : scalar)
  }
  return "“\(String(shown))\(rest.isEmpty ? "" : "…")”"
}
