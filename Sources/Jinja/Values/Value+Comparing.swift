import Foundation
import OrderedJSON

extension Value {
  /// Python's truth.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .longInteger: true
    case .double(let value): value != 0
    case .string(let text), .markup(let text): !text.utf8.isEmpty
    case .list(let list), .tuple(let list): list.count > 0
    case .dictionary(let mapping): mapping.count > 0
    case .iterable(let iterable): iterable.isOneShot || !iterable.remaining.isEmpty
    case .namespace, .loop, .builtin, .method, .macro: true
    }
  }

  /// An integer's value, where it has at most 64 bits; booleans count as 0 and 1.
  var asInteger: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): value
    default: nil
    }
  }

  /// A number's value as a double.
  var asDouble: Double? {
    switch self {
    case .double(let value): value
    case .longInteger(let value): value.double
    default: asInteger.map(Double.init)
    }
  }

  /// An integer of any length, from its decimal digits with an optional minus; nil for other texts.
  static func integer(digits: String) -> Value? {
    Int(digits).map { .integer($0) } ?? LongInteger(digits).map { .longInteger($0) }
  }

  /// The integer part of a double, with all its digits; nil for what is not finite.
  static func integer(_ double: Double) -> Value? {
    guard double.isFinite else { return nil }
    let whole = double.rounded(.towardZero)
    return Int(exactly: whole).map { .integer($0) } ?? .integer(digits: String(format: "%.0f", whole))
  }
}

extension Value {
  /// The order of two numbers, exact between integers and doubles; nil where one is no number.
  fileprivate func numericOrder(_ other: Value) -> Int? {
    if case .longInteger(let integer) = self { return Value.order(integer, other) }
    if case .longInteger(let integer) = other { return Value.order(integer, self).map { -$0 } }
    switch (asInteger, other.asInteger) {
    case (let a?, let b?): return a < b ? -1 : a > b ? 1 : 0
    case (let a?, nil): return other.asDouble.flatMap { Value.order(a, $0) }
    case (nil, let b?): return asDouble.flatMap { Value.order(b, $0) }.map { -$0 }
    case (nil, nil):
      guard let a = asDouble, let b = other.asDouble else { return nil }
      return a < b ? -1 : a > b ? 1 : a == b ? 0 : nil
    }
  }

  private static func order(_ integer: LongInteger, _ other: Value) -> Int? {
    let otherIsLower = integer.isNegative ? -1 : 1
    switch other {
    case .longInteger(let other): return integer < other ? -1 : integer == other ? 0 : 1
    case .double(let double):
      if double.isNaN { return nil }
      if double.isInfinite { return double > 0 ? -1 : 1 }
      guard case .longInteger(let whole)? = Value.integer(double) else { return otherIsLower }
      return integer < whole ? -1 : integer == whole ? 0 : 1
    default: return other.asInteger == nil ? nil : otherIsLower
    }
  }

  private static func order(_ integer: Int, _ double: Double) -> Int? {
    if double.isNaN { return nil }
    let floor = double.rounded(.down)
    guard let whole = Int(exactly: floor) else { return double > 0 ? -1 : 1 }
    if integer != whole { return integer < whole ? -1 : 1 }
    return floor < double ? -1 : 0
  }
}

extension Value: Hashable {
  /// Python's `==`: numbers compare by value whatever their type, strings by code points.
  static func == (left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.string(let a), .string(let b)), (.markup(let a), .string(let b)), (.string(let a), .markup(let b)),
      (.markup(let a), .markup(let b)):
      return a.isSameText(as: b)
    case (.undefined, .undefined), (.none, .none):
      return true
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      return a === b || a.items == b.items
    case (.dictionary(let a), .dictionary(let b)):
      return a === b || (a.count == b.count && a.members.allSatisfy { b.members[$0.key] == $0.value })
    case (.iterable(let a), .iterable(let b)):
      if a === b { return true }
      if case (.range, .range) = (a.kind, b.kind) { return a.remaining == b.remaining }
      return false
    case (.namespace(let a), .namespace(let b)): return a === b
    case (.loop(let a), .loop(let b)): return a === b
    case (.macro(let a), .macro(let b)): return a === b
    case (.builtin(let a), .builtin(let b)): return a == b
    case (.method(let a), .method(let b)): return a.name.name.isSameText(as: b.name.name) && a.receiver == b.receiver
    default:
      return left.numericOrder(right) == 0
    }
  }

  /// Equal values hash alike, so integral doubles and booleans hash as integers.
  func hash(into hasher: inout Hasher) {
    switch self {
    case .string(let text), .markup(let text): hasher.combine(ExactText(text))
    case .double(let value):
      if let integer = Int(exactly: value) { hasher.combine(integer) } else { hasher.combine(value) }
    case .bool(let value): hasher.combine(value ? 1 : 0)
    case .integer(let value): hasher.combine(value)
    case .longInteger(let value): hasher.combine(value.double)
    case .list(let list), .tuple(let list): hasher.combine(list.items)
    default: hasher.combine(typeName)
    }
  }

  /// Whether it may be a dictionary's key.
  var isHashable: Bool {
    switch self {
    case .list, .dictionary: false
    case .tuple(let list): list.items.allSatisfy(\.isHashable)
    default: true
    }
  }

  /// Python's order: negative, zero or positive as `self` is less, equal or greater; nil where one is not a number.
  func order(_ other: Value, _ symbol: String) throws(TemplateError) -> Int? {
    switch (self, other) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      for (x, y) in zip(a.items, b.items) where x != y { return try x.order(y, symbol) }
      return a.count - b.count
    default: break
    }
    if let a = text, let b = other.text { return a.textOrder(b) }
    if asDouble != nil, other.asDouble != nil { return numericOrder(other) }
    throw .runtime(
      "'\(symbol)' not supported between instances of '\(typeName)' and '\(other.typeName)'")
  }

  /// Python's `in`.
  func contains(_ item: Value) throws(TemplateError) -> Bool {
    switch self {
    case .string(let text), .markup(let text):
      guard let part = item.text else {
        if case .undefined(let undefined) = item { throw undefined.error }
        throw .runtime("'in <string>' requires string as left operand, not \(item.typeName)")
      }
      return text.find(part) != nil
    case .dictionary(let mapping):
      guard item.isHashable else { throw .runtime("unhashable type: '\(item.typeName)'") }
      if case .string(let key) = item { return mapping[key] != nil }
      return mapping[item] != nil
    case .list(let list), .tuple(let list): return list.items.contains(item)
    case .iterable(let iterable): return iterable.take().contains(item)
    case .undefined: return false
    default: throw .runtime("argument of type '\(typeName)' is not iterable")
    }
  }

  /// What a loop over it yields.
  func iterated() throws(TemplateError) -> [Value] {
    switch self {
    case .list(let list), .tuple(let list): return list.items
    case .dictionary(let mapping): return Array(mapping.members.keys)
    case .iterable(let iterable): return iterable.take()
    case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
    case .markup(let text): return text.unicodeScalars.map { .markup(String($0)) }
    case .undefined: return []
    case .loop(let loop): return try loop.rest()
    default: throw .runtime("'\(typeName)' object is not iterable")
    }
  }

  /// Python's `len`; nil where there is none.
  var length: Int? {
    switch self {
    case .string(let text), .markup(let text): text.codePointCount
    case .list(let list), .tuple(let list): list.count
    case .dictionary(let mapping): mapping.count
    case .iterable(let iterable): iterable.isOneShot ? nil : iterable.remaining.count
    case .undefined: 0
    default: nil
    }
  }
}
