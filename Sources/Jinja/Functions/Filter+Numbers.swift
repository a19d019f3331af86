import Foundation

extension Filter {
  static let ofNumbers: [String: Filter] = [
    "abs": filter { (value, _, _) throws(TemplateError) in
      if case .double(let number) = value { return .double(number.magnitude) }
      if case .longInteger(let number) = value { return number.isNegative ? number.negated : value }
      guard let number = value.asInteger else { throw notANumber("abs", value) }
      return .integer(digits: String(number.magnitude)) ?? value
    },
    "int": filter("default", "base") { (value, arguments, _) throws(TemplateError) in
      let otherwise = arguments[0] ?? .integer(0)
      switch value {
      case .undefined(let undefined): throw undefined.error
      case .string(let text), .markup(let text):
        let base = try arguments.integer(1) ?? 10
        if let integer = try pythonInteger(text, base: base) { return integer }
        return pythonDouble(text).flatMap { .integer($0) } ?? otherwise
      case .longInteger: return value
      default:
        if let integer = value.asInteger { return .integer(integer) }
        return value.asDouble.flatMap { .integer($0) } ?? otherwise
      }
    },
    "float": filter("default") { (value, arguments, _) throws(TemplateError) in
      if case .undefined(let undefined) = value { throw undefined.error }
      return (value.asDouble ?? value.text.flatMap(pythonDouble)).map { .double($0) } ?? arguments[0] ?? .double(0)
    },
    "round": filter("precision", "method") { (value, arguments, renderer) throws(TemplateError) in
      let precision = try arguments.integer(0) ?? 0
      let method = try arguments.text(1) ?? "common"
      guard let number = value.asDouble else { throw notANumber("round", value) }
      switch method {
      case "common": return try rounded(value, number, precision, renderer)
      case "ceil", "floor":
        let power = try Arithmetic.apply(.power, .integer(10), .integer(precision), renderer)
        let scaled = try Arithmetic.apply(.multiply, value, power, renderer).asDouble ?? .nan
        guard scaled.isFinite else { throw .runtime("the filter 'round': cannot round \(number)") }
        return try Arithmetic.apply(.divide, .double(scaled.rounded(method == "ceil" ? .up : .down)), power, renderer)
      default: throw .runtime("method must be common, ceil or floor")
      }
    },
  ]

  private static func notANumber(_ filter: String, _ value: Value) -> TemplateError {
    if case .undefined(let undefined) = value { return undefined.error }
    return .runtime("the filter '\(filter)' expects a number, found a value of type \(value.typeName)")
  }

  /// Python's `round(value, precision)`: to the nearest, the even one of two; an integer stays one.
  private static func rounded(
    _ value: Value, _ number: Double, _ precision: Int, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    if case .longInteger = value, precision >= 0 { return value }
    if let integer = value.asInteger {
      if precision >= 0 { return .integer(integer) }
      if precision < -18 { return .integer(0) }
      let unit = Int(pow(10, Double(-precision)))
      var (quotient, remainder) = integer.quotientAndRemainder(dividingBy: unit)
      let doubled = remainder.magnitude * 2
      if doubled > unit || (doubled == unit && !quotient.isMultiple(of: 2)) { quotient += integer < 0 ? -1 : 1 }
      remainder = 0
      return try Arithmetic.apply(.multiply, .integer(quotient), .integer(unit), renderer)
    }
    guard number.isFinite else { return value }
    if precision > 323 { return value }
    if precision >= 0 {
      // C's printf rounds the exact binary value, as CPython does.
      return .double(Double(String(format: "%.\(precision)f", number)) ?? number)
    }
    if precision < -308 { return .double(copysign(0, number)) }
    let unit = pow(10, Double(-precision))
    return .double((number / unit).rounded(.toNearestOrEven) * unit)
  }

  /// Python's `int(text, base)`; nil where that raises.
  private static func pythonInteger(_ text: String, base: Int) throws(TemplateError) -> Value? {
    var digits = text.stripped()
    var sign = ""
    if digits.hasTextPrefix("-") || digits.hasTextPrefix("+") {
      sign = digits.bytes(0..<1)
      digits = digits.bytes(1..<digits.utf8.count)
    }
    var radix = base
    let prefixes = ["0x": 16, "0o": 8, "0b": 2]
    let start = digits.utf8.count > 2 ? digits.bytes(0..<2).lowercased() : ""
    if let prefixed = digits.unicodeScalars.prefix(2).allSatisfy(\.isASCII) ? prefixes[start] : nil,
      base == prefixed || base == 0
    {
      radix = prefixed
      digits = digits.bytes(2..<digits.utf8.count)
      if digits.hasTextPrefix("_") { digits = digits.bytes(1..<digits.utf8.count) }
    } else if base == 0 {
      radix = 10
    }
    guard (2...36).contains(radix), let plain = withoutUnderscores(digits), let first = plain.utf8.first,
      first != UInt8(ascii: "+"), first != UInt8(ascii: "-")
    else { return nil }
    if let integer = Int(sign + plain, radix: radix) { return .integer(integer) }
    if radix == 10 { return .integer(digits: (sign == "-" ? "-" : "") + plain) }
    guard plain.unicodeScalars.allSatisfy({ Int(String($0), radix: radix) != nil }) else { return nil }
    throw .runtime("the filter 'int': '\(text)' in base \(radix) has more than 64 bits")
  }

  /// Python's `float(text)`; nil where that raises.
  private static func pythonDouble(_ text: String) -> Double? {
    let text = text.stripped().lowercased()
    switch text {
    case "inf", "infinity", "+inf", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default: break
    }
    guard text.utf8.allSatisfy({ "0123456789+-.e_".utf8.contains($0) }), let plain = withoutUnderscores(text) else {
      return nil
    }
    return Double(plain)
  }

  /// The digits without the single underscores that Python allows between them; nil for others.
  private static func withoutUnderscores(_ digits: String) -> String? {
    guard digits.utf8.contains(UInt8(ascii: "_")) else { return digits }
    let parts = digits.parts(separatedBy: "_")
    guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return parts.joined()
  }
}
