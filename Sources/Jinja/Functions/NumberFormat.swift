import Foundation
import OrderedJSON

/// How one value is written by `%` and by `format`: Python's format specification.
struct NumberFormat {
  var fill: Unicode.Scalar = " "
  /// `<`, `>`, `^` or `=`; nil for the type's own.
  var alignment: Unicode.Scalar?
  /// `+`, `-` or a blank.
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  /// `,` or `_`.
  var grouping: Unicode.Scalar?
  var precision: Int?
  /// The letter at the end; nil for the value's own.
  var type: Unicode.Scalar?

  /// A number or string, formatted and padded.
  func apply(to value: Value, _ renderer: Renderer) throws(TemplateError) -> String {
    try renderer.spend(width)
    if let text = value.text {
      guard type == nil || type == "s" else { throw unknown(for: value) }
      let cut = precision.map { String(String.UnicodeScalarView(text.unicodeScalars.prefix($0))) } ?? text
      return padded(cut, sign: "", alignment ?? "<")
    }
    if let integer = value.asInteger {
      if case .bool(let flag) = value, type == nil {
        return padded(flag ? "True" : "False", sign: "", alignment ?? "<")
      }
      switch type {
      case nil, "d", "i", "u": return number(String(integer.magnitude), isNegative: integer < 0)
      case "x": return number((isAlternate ? "0x" : "") + String(integer.magnitude, radix: 16), isNegative: integer < 0)
      case "X":
        return number(
          (isAlternate ? "0X" : "") + String(integer.magnitude, radix: 16, uppercase: true), isNegative: integer < 0)
      case "o": return number((isAlternate ? "0o" : "") + String(integer.magnitude, radix: 8), isNegative: integer < 0)
      case "b": return number((isAlternate ? "0b" : "") + String(integer.magnitude, radix: 2), isNegative: integer < 0)
      default: break
      }
    }
    if case .longInteger(let integer) = value {
      switch type {
      case nil, "d", "i", "u":
        let digits = integer.description
        return number(integer.isNegative ? String(digits.dropFirst()) : digits, isNegative: integer.isNegative)
      case "x", "X", "o", "b": throw .runtime("\(integer) has more than 64 bits and can be written in base 10 only")
      default: break
      }
    }
    guard let double = value.asDouble else { throw unknown(for: value) }
    let magnitude = double.magnitude
    let isNegative = double.sign == .minus
    let digits = min(precision ?? 6, 1000)
    switch type {
    case nil where precision == nil: return number(JSON.pythonRepr(magnitude), isNegative: isNegative)
    case "f", "F": return number(String(format: "%.\(digits)f", magnitude), isNegative: isNegative)
    case "e": return number(String(format: "%.\(digits)e", magnitude), isNegative: isNegative)
    case "E": return number(String(format: "%.\(digits)E", magnitude), isNegative: isNegative)
    case "g": return number(String(format: "%.\(digits)g", magnitude), isNegative: isNegative)
    case "%": return number(String(format: "%.\(digits)f", magnitude * 100) + "%", isNegative: isNegative)
    default: throw unknown(for: value)
    }
  }

  private func unknown(for value: Value) -> TemplateError {
    if case .undefined(let undefined) = value { return undefined.error }
    return .runtime("unsupported format '\(type.map(String.init) ?? "")' for an object of type '\(value.typeName)'")
  }

  private func number(_ digits: String, isNegative: Bool) -> String {
    var digits = digits
    if let grouping {
      let end = digits.firstIndex { !$0.isNumber } ?? digits.endIndex
      var grouped = ""
      for (index, digit) in digits[..<end].enumerated() {
        if index > 0, (digits.distance(from: digits.startIndex, to: end) - index) % 3 == 0 {
          grouped.unicodeScalars.append(grouping)
        }
        grouped.append(digit)
      }
      digits = grouped + digits[end...]
    }
    let mark = isNegative ? "-" : sign == "-" ? "" : String(sign)
    return padded(digits, sign: mark, alignment ?? ">")
  }

  private func padded(_ text: String, sign: String, _ alignment: Unicode.Scalar) -> String {
    let missing = width - text.codePointCount - sign.utf8.count
    guard missing > 0 else { return sign + text }
    func fill(_ count: Int) -> String { String(repeating: String(self.fill), count: count) }
    switch alignment {
    case "<": return sign + text + fill(missing)
    case "^": return fill(missing / 2) + sign + text + fill(missing - missing / 2)
    case "=": return sign + fill(missing) + text
    default: return fill(missing) + sign + text
    }
  }
}
