import OrderedCollections
import OrderedJSON

/// A part of a template that has a value.
protocol Expression: Sendable {
  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value
}

/// A literal.
enum Constant: Expression {
  case none
  case bool(Bool)
  case integer(Int)
  case longInteger(LongInteger)
  case double(Double)
  case string(String)

  func evaluate(_ renderer: Renderer) -> Value {
    switch self {
    case .none: .none
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .longInteger(let value): .longInteger(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    }
  }
}

/// A variable.
struct Name: Expression {
  let symbol: Int
  let undefined: Undefined

  init(_ name: String, symbol: Int) {
    self.symbol = symbol
    undefined = Undefined("'\(name)' is undefined")
  }

  func evaluate(_ renderer: Renderer) -> Value {
    renderer.value(of: symbol) ?? .undefined(undefined)
  }
}

/// `[a, b]` or `(a, b)`.
struct ListDisplay: Expression {
  let items: [any Expression]
  let isTuple: Bool

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    try renderer.spend(items.count * 16)
    let list = try List(items.evaluate(renderer))
    return isTuple ? .tuple(list) : .list(list)
  }
}

extension [any Expression] {
  func evaluate(_ renderer: Renderer) throws(TemplateError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(count)
    for item in self { values.append(try item.evaluate(renderer)) }
    return values
  }
}

/// `{a: b}`.
struct DictionaryDisplay: Expression {
  let members: [(key: any Expression, value: any Expression)]

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    var result: OrderedDictionary<Value, Value> = [:]
    for member in members {
      let key = try member.key.evaluate(renderer)
      try renderer.spend(16 + key.weight)
      guard key.isHashable else { throw .runtime("unhashable type: '\(key.typeName)'") }
      result[key] = try member.value.evaluate(renderer)
    }
    return .dictionary(try Mapping(result))
  }
}

/// `a if test else b`; without the second it is undefined.
struct Conditional: Expression {
  let test: any Expression
  let positive: any Expression
  let negative: (any Expression)?
  let line: Int

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    if try test.evaluate(renderer).isTrue { return try positive.evaluate(renderer) }
    guard let negative else {
      return .undefined("the inline if-expression on line \(line) evaluated to false and no else section was defined.")
    }
    return try negative.evaluate(renderer)
  }
}

/// `a and b`, `a or b`: as in Python one of the two values, not a truth value.
struct Logical: Expression {
  let isAnd: Bool
  let left: any Expression
  let right: any Expression

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try left.evaluate(renderer)
    return value.isTrue == isAnd ? try right.evaluate(renderer) : value
  }
}

/// `not a`.
struct Not: Expression {
  let operand: any Expression

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    .bool(!(try operand.evaluate(renderer).isTrue))
  }
}

/// `a < b <= c`: true when every neighbouring pair is.
struct Comparison: Expression {
  enum Operator {
    case equal, notEqual, less, lessEqual, greater, greaterEqual, isIn, notIn
  }

  let first: any Expression
  let rest: [(operation: Operator, operand: any Expression)]

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    var left = try first.evaluate(renderer)
    for (operation, operand) in rest {
      let right = try operand.evaluate(renderer)
      try renderer.spend(on: operation, left, right)
      guard try Comparison.holds(left, operation, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  static func holds(_ left: Value, _ operation: Operator, _ right: Value) throws(TemplateError) -> Bool {
    switch operation {
    case .equal: return left == right
    case .notEqual: return left != right
    case .less: return try left.order(right, "<").map { $0 < 0 } ?? false
    case .lessEqual: return try left.order(right, "<=").map { $0 <= 0 } ?? false
    case .greater: return try left.order(right, ">").map { $0 > 0 } ?? false
    case .greaterEqual: return try left.order(right, ">=").map { $0 >= 0 } ?? false
    case .isIn: return try right.contains(left)
    case .notIn: return try !right.contains(left)
    }
  }
}

/// `a ~ b ~ c`: the printed values joined.
struct Concatenation: Expression {
  let parts: [any Expression]

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    var result = ""
    for part in parts {
      let value = try part.evaluate(renderer)
      if value.isContainer { try renderer.spend(value.weight) }
      let text = try value.printed()
      try renderer.spend(text.utf8.count)
      result += text
    }
    return .string(result)
  }
}
