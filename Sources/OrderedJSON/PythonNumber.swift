extension JSON {
  /// A double as Python's `json.dumps` writes it: `repr`, but `NaN`, `Infinity` and `-Infinity`.
  package static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return pythonRepr(value)
  }

  /// A double as Python's `repr` writes it: the shortest digits that read back as the same double, in positional
  /// notation for exponents from -4 to 15, else as `1e-05` and `1.5e+16`; `nan`, `inf` and `-inf`.
  ///
  /// Swift's own description has the same digits, but changes notation elsewhere.
  package static func pythonRepr(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let description = value.description
    let magnitude = value.magnitude
    if magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e15) { return description }

    // Take the description apart: the digits d₁d₂…, without zeros at the ends, and the point's place after d₁.
    let sign = description.hasPrefix("-") ? "-" : ""
    let parts = description.dropFirst(sign.count).split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1
    var digits = Substring(String(whole) + fraction)
    while digits.first == "0", digits.count > 1 {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.last == "0", digits.count > 1 { digits.removeLast() }

    if exponent >= 16 || exponent < -4 {
      let tail = digits.dropFirst()
      let size = String(exponent.magnitude)
      return sign + digits.prefix(1) + (tail.isEmpty ? "" : "." + tail) + (exponent < 0 ? "e-" : "e+")
        + (size.count < 2 ? "0" + size : size)
    }
    // Here 15 <= exponent < 16: at most 17 digits, of which 16 stand before the point.
    let padded = digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let tail = padded.dropFirst(exponent + 1)
    return sign + padded.prefix(exponent + 1) + "." + (tail.isEmpty ? "0" : tail)
  }
}
