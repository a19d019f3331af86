/// A JSON value whose objects keep the order of their keys, as Python's `dict` does.
///
/// Order matters here: chat templates print tool schemas and arguments in the order in which they were written,
/// and a different order gives different tokens.
public enum JSON: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number written without fraction and exponent that fits a 64-bit integer.
  case integer(Int)
  /// A number written without fraction and exponent that does not fit: all its digits are kept.
  case longInteger(LongInteger)
  /// A number written with a fraction or an exponent.
  case number(Double)
  /// A string, free of lone surrogates.
  case string(String)
  /// An array.
  case array([JSON])
  /// An object. Of duplicate keys the last value wins, at the place of the first, as in Python.
  case object(Object)

  /// The members of an object, in order.
  public typealias Object = TextDictionary<JSON>
}

extension JSON {
  /// Whether two values are the same text: keys in the same order, keys and strings with the same code points.
  /// Integers and doubles are different, and NaN equals nothing.
  public static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.longInteger(let a), .longInteger(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a.isSameText(as: b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }

  /// Equal values hash alike.
  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0)
    case .bool(let value): hasher.combine(value)
    case .integer(let value): hasher.combine(value)
    case .longInteger(let value): hasher.combine(value)
    case .number(let value): hasher.combine(value)
    case .string(let value): hasher.combine(ExactText(value))
    case .array(let value): hasher.combine(value)
    case .object(let value): hasher.combine(value)
    }
  }

  /// The text of a string; nil for anything else.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The value of an integer, or of a double that is integral and fits; nil for anything else.
  public var int: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value of a number, integers included; nil for anything else.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .longInteger(let value): value.double
    case .number(let value): value
    default: nil
    }
  }

  /// The value of a boolean; nil for anything else.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The elements of an array; nil for anything else.
  public var array: [JSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The members of an object, in order; nil for anything else.
  public var object: Object? {
    if case .object(let value) = self { value } else { nil }
  }

  /// Whether this is `null`.
  public var isNull: Bool { self == .null }

  /// The member of an object; nil if there is none, or if this is not an object.
  public subscript(key: String) -> JSON? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  /// The element of an array; nil outside its bounds, or if this is not an array.
  public subscript(index: Int) -> JSON? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }
}

// No nil literal: `json["key"] == nil` must ask whether the key is there, not whether it holds null.
extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An array.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// An object in the order written; of duplicate keys the last value wins.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Object(elements.lazy.map { (key: $0.0, value: $0.1) }))
  }
}
