import Foundation
import OrderedJSON

/// `a + b` and the other operators, with Python's meaning for numbers, strings and lists.
struct Arithmetic: Expression {
  enum Operator: String {
    case add = "+", subtract = "-", multiply = "*", divide = "/", floorDivide = "//", modulo = "%", power = "**"
  }

  let operation: Operator
  let left: any Expression
  let right: any Expression

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let a = try left.evaluate(renderer)
    return try Arithmetic.apply(operation, a, try right.evaluate(renderer), renderer)
  }

  static func apply(
    _ operation: Operator, _ a: consuming Value, _ b: Value, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    if operation == .add, case .string(let tail) = b {
      // The common case. Taking the text out of the value lets a chain of sums grow one buffer.
      switch consume a {
      case .string(var text):
        // Where something else keeps the text, it is copied.
        try renderer.spend(tail.utf8.count + text.utf8.count / 16)
        text += tail
        return .string(text)
      case let other: return try general(operation, other, b, renderer)
      }
    }
    return try general(operation, a, b, renderer)
  }

  private static func general(
    _ operation: Operator, _ a: Value, _ b: Value, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    switch (operation, a, b) {
    case (.modulo, .string(let format), _):
      return .string(try PercentFormat(format).apply(to: b, renderer))
    case (_, .undefined(let undefined), _), (_, _, .undefined(let undefined)):
      throw undefined.error
    case (.add, .list(let x), .list(let y)):
      try renderer.spend((x.count + y.count) * 16)
      return .list(try List(x.items + y.items))
    case (.add, .tuple(let x), .tuple(let y)):
      try renderer.spend((x.count + y.count) * 16)
      return .tuple(try List(x.items + y.items))
    default: break
    }
    if operation == .add, let x = a.text, let y = b.text {
      try renderer.spend(x.utf8.count + y.utf8.count)
      // One of the two is safe: the other is escaped.
      return .markup((a.isMarkup ? x : x.escapedHTML) + (b.isMarkup ? y : y.escapedHTML))
    }
    if operation == .multiply {
      if let count = b.asInteger, let repeated = try a.repeated(count, renderer) { return repeated }
      if let count = a.asInteger, let repeated = try b.repeated(count, renderer) { return repeated }
    }
    if let x = a.asInteger, let y = b.asInteger { return try integers(operation, x, y, renderer) }
    if a.isIntegral, b.isIntegral {
      throw .runtime(
        "integers beyond 64 bits cannot be computed with: \(try a.printed()) \(operation.rawValue) \(try b.printed())")
    }
    if let x = a.asDouble, let y = b.asDouble { return try doubles(operation, x, y) }
    throw .runtime(
      "unsupported operand type(s) for \(operation.rawValue): '\(a.typeName)' and '\(b.typeName)'")
  }

  private static func integers(
    _ operation: Operator, _ x: Int, _ y: Int, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = x.addingReportingOverflow(y)
    case .subtract: result = x.subtractingReportingOverflow(y)
    case .multiply: result = x.multipliedReportingOverflow(by: y)
    case .divide: return try doubles(operation, Double(x), Double(y))
    case .floorDivide, .modulo:
      guard y != 0 else { throw .runtime("division by zero") }
      if y == -1 { return operation == .modulo ? .integer(0) : try integers(.subtract, 0, x, renderer) }
      let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
      let isBelow = remainder != 0 && (remainder < 0) != (y < 0)  // Python rounds towards minus infinity
      return .integer(
        operation == .modulo ? (isBelow ? remainder + y : remainder) : (isBelow ? quotient - 1 : quotient))
    case .power:
      if y < 0 { return try doubles(.power, Double(x), Double(y)) }
      var power = 1
      var factor = x
      var exponent = y
      while exponent > 0 {
        if exponent & 1 == 1 { power = try product(power, factor) }
        exponent >>= 1
        if exponent > 0 { factor = try product(factor, factor) }
      }
      return .integer(power)
    }
    guard !result.overflow else { throw .runtime("the result of \(x) \(operation.rawValue) \(y) exceeds 64 bits") }
    return .integer(result.partialValue)
  }

  private static func product(_ x: Int, _ y: Int) throws(TemplateError) -> Int {
    let (product, overflow) = x.multipliedReportingOverflow(by: y)
    guard !overflow else { throw .runtime("the result of a power exceeds 64 bits") }
    return product
  }

  private static func doubles(_ operation: Operator, _ x: Double, _ y: Double) throws(TemplateError) -> Value {
    switch operation {
    case .add: return .double(x + y)
    case .subtract: return .double(x - y)
    case .multiply: return .double(x * y)
    case .divide, .floorDivide, .modulo:
      guard y != 0 else { throw .runtime("division by zero") }
      if operation == .divide { return .double(x / y) }
      // As CPython computes them, so that the quotient belongs to the remainder.
      var remainder = fmod(x, y)
      var quotient = (x - remainder) / y
      if remainder != 0, (y < 0) != (remainder < 0) {
        remainder += y
        quotient -= 1
      } else if remainder == 0 {
        remainder = copysign(0, y)
      }
      if operation == .modulo { return .double(remainder) }
      if quotient == 0 { return .double(copysign(0, x / y)) }
      let floor = quotient.rounded(.down)
      return .double(quotient - floor > 0.5 ? floor + 1 : floor)
    case .power:
      guard !(x == 0 && y < 0) else { throw .runtime("0.0 cannot be raised to a negative power") }
      let power = pow(x, y)
      guard !(power.isNaN && !x.isNaN && !y.isNaN) else { throw .runtime("the power is a complex number") }
      guard !(power.isInfinite && x.isFinite && y.isFinite) else { throw .runtime("numerical result out of range") }
      return .double(power)
    }
  }
}

extension LongInteger {
  /// The integer with the other sign.
  var negated: Value {
    .integer(digits: isNegative ? String(description.dropFirst()) : "-" + description) ?? .longInteger(self)
  }
}

extension Value {
  /// Whether it is an integer or counts as one, whatever its length.
  var isIntegral: Bool {
    if case .longInteger = self { true } else { asInteger != nil }
  }

  /// A string or list, repeated; nil for anything else.
  fileprivate func repeated(_ count: Int, _ renderer: Renderer) throws(TemplateError) -> Value? {
    let size: Int
    switch self {
    case .string(let text), .markup(let text): size = text.utf8.count
    case .list(let list), .tuple(let list): size = list.count * 16
    default: return nil
    }
    let count = max(count, 0)
    let (total, overflow) = size.multipliedReportingOverflow(by: count)
    try renderer.spend(overflow ? Int.max : total)
    switch self {
    case .string(let text): return .string(String(repeating: text, count: count))
    case .markup(let text): return .markup(String(repeating: text, count: count))
    case .list(let list): return .list(try List(Array(repeatElement(list.items, count: count).joined())))
    case .tuple(let list): return .tuple(try List(Array(repeatElement(list.items, count: count).joined())))
    default: return nil
    }
  }
}

/// `-a` or `+a`.
struct Signed: Expression {
  let isNegative: Bool
  let operand: any Expression

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try operand.evaluate(renderer)
    if case .undefined(let undefined) = value { throw undefined.error }
    if let integer = value.asInteger {
      guard isNegative else { return .integer(integer) }
      let (result, overflow) = (0).subtractingReportingOverflow(integer)
      return overflow ? .integer(digits: "\(integer.magnitude)") ?? value : .integer(result)
    }
    if case .longInteger(let integer) = value { return isNegative ? integer.negated : value }
    if let double = value.asDouble { return .double(isNegative ? -double : double) }
    throw .runtime("bad operand type for unary \(isNegative ? "-" : "+"): '\(value.typeName)'")
  }
}
