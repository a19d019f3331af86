import Foundation

/// Numbers as people read them. Everything is independent of the locale, so that logs are the same everywhere.
public enum HumanText {
  /// A number without its fraction, whatever it is: files may hold numbers that no `Int` can.
  static func whole(_ value: Double) -> Int { value.isNaN ? 0 : Int(max(-1e15, min(1e15, value))) }

  /// A count in at most five characters: `999`, `1.2k`, `12.3k`, `123k`, `1.5M`, `2.0G`.
  public static func count(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    // Ten and below keep a decimal, as a rate of 3.2 pairs/s is not 3.
    if size < 9.95 && value != value.rounded() { return fixed(value, 1) }
    if size < 999.5 { return fixed(value, 0) }
    for (unit, name) in [(1e3, "k"), (1e6, "M"), (1e9, "G")] where size < unit * 999.5 || unit == 1e9 {
      return fixed(value / unit, size < unit * 99.95 ? 1 : 0) + name
    }
    return fixed(value, 0)
  }

  /// A whole count in full, in groups of three: `1,234,567`.
  public static func grouped(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + text
  }

  /// A count with its noun: `1 pair`, `1,234 pairs`.
  public static func counted(_ value: Int, _ noun: String) -> String {
    "\(grouped(value)) \(noun)\(value == 1 ? "" : noun.hasSuffix("s") ? "es" : "s")"
  }

  /// Bytes with a binary unit: `512 B`, `1.5 KiB`, `2.1 GiB`.
  public static func bytes(_ value: Int) -> String {
    if value < 1024 { return "\(value) B" }
    var size = Double(value) / 1024
    var unit = "KiB"
    for larger in ["MiB", "GiB", "TiB"] where size >= 999.5 {
      size /= 1024
      unit = larger
    }
    return fixed(size, size < 99.95 ? 1 : 0) + " " + unit
  }

  /// A duration with its two largest units: `0.4 s`, `42 s`, `5 min 09 s`, `1 h 02 min`, `3 d 04 h`.
  public static func duration(seconds: Double, in language: MessageLanguage = .english) -> String {
    let units = language == .chinese ? ["秒", "分", "小时", "天"] : ["s", "min", "h", "d"]
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "–" }
    if seconds < 9.95 { return fixed(seconds, 1) + " \(units[0])" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) \(units[0])" }
    if whole < 3600 { return "\(whole / 60) \(units[1]) \(twoDigits(whole % 60)) \(units[0])" }
    let minutes = Int((seconds / 60).rounded())
    if minutes < 48 * 60 { return "\(minutes / 60) \(units[2]) \(twoDigits(minutes % 60)) \(units[1])" }
    let hours = Int((seconds / 3600).rounded())
    return "\(hours / 24) \(units[3]) \(twoDigits(hours % 24)) \(units[2])"
  }

  /// A share of 0…1 as `71.9 %`.
  public static func percent(_ share: Double, digits: Int = 1) -> String {
    share.isFinite ? fixed(share * 100, digits) + " %" : "–"
  }

  /// A number with a fixed count of decimals; one that is not finite as `NaN`, `inf` or `-inf`, which must be seen.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let text = String(format: "%.\(digits)f", value)
    // −0.0 rounds to "-0.000", which reads as a loss of something.
    return Double(text) == 0 && text.hasPrefix("-") ? String(text.dropFirst()) : text
  }

  /// A number with three significant digits, in the shorter of both notations: `4e-08` as `4e-8`, `0.000125` as `1.25e-4`.
  public static func short(_ value: Double) -> String {
    guard value.isFinite else { return fixed(value, 0) }
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 0.001 && size < 100_000 {
      let digits = max(0, 2 - Int(log10(size).rounded(.down)))
      let text = fixed(value, digits)
      return text.contains(".") ? text.trimmingSuffix("0").trimmingSuffix(".") : text
    }
    let parts = String(format: "%.2e", value).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return fixed(value, 3) }
    return String(parts[0]).trimmingSuffix("0").trimmingSuffix(".") + "e\(exponent)"
  }

  /// A number in few characters that reads back as the same number: `3e-4`, `0.1`, `1.2345e-5`.
  public static func exact(_ value: Double) -> String {
    let text = short(value)
    return Double(text) == value ? text : "\(value)"
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self
    while text.last == character { text.removeLast() }
    return text
  }
}
