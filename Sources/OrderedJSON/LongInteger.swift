/// An integer beyond 64 bits, kept as its digits. Python's integers have any length, and `json` prints all their digits.
public struct LongInteger: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Whether it is below zero.
  public let isNegative: Bool
  /// The decimal digits, without leading zeros.
  private let digits: String

  /// Takes a text of decimal digits, perhaps with a minus.
  /// - Returns: nil where it is something else, or fits an `Int`: an integer has one representation only.
  public init?(_ text: String) {
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    let digits = text.utf8.dropFirst(isNegative ? 1 : 0).drop { $0 == UInt8(ascii: "0") }
    guard digits.count >= 19, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
      Int((isNegative ? "-" : "") + (String(digits) ?? "")) == nil
    else { return nil }
    self.isNegative = isNegative
    self.digits = String(decoding: digits, as: UTF8.self)
  }

  /// The integer as Python prints it.
  public var description: String { (isNegative ? "-" : "") + digits }

  /// The nearest double; infinite beyond the range of doubles.
  public var double: Double { Double(description) ?? (isNegative ? -.infinity : .infinity) }

  /// The order of the numbers.
  public static func < (left: LongInteger, right: LongInteger) -> Bool {
    guard left.isNegative == right.isNegative else { return left.isNegative }
    let (small, large) = left.isNegative ? (right.digits, left.digits) : (left.digits, right.digits)
    let (a, b) = (small.utf8.count, large.utf8.count)
    return a == b ? small < large : a < b
  }
}
