/// A test: what follows `is`.
struct Test: Sendable {
  /// The number of arguments it takes.
  let argumentCount: Int
  let holds: @Sendable (Value, [Value], Renderer) throws(TemplateError) -> Bool

  private static func test(_ holds: @escaping @Sendable (Value) throws(TemplateError) -> Bool) -> Test {
    Test(argumentCount: 0) { (value, _, _) throws(TemplateError) in try holds(value) }
  }

  private static func comparison(_ operation: Comparison.Operator) -> Test {
    Test(argumentCount: 1) { (value, arguments, renderer) throws(TemplateError) in
      try renderer.spend(on: operation, value, arguments[0])
      return try Comparison.holds(value, operation, arguments[0])
    }
  }

  func call(_ name: String, _ value: Value, _ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> Bool
  {
    guard arguments.named.isEmpty, arguments.positional.count == argumentCount else {
      throw .runtime(
        "the test '\(name)' takes \(argumentCount) argument(s), \(arguments.positional.count + arguments.named.count) given"
      )
    }
    return try holds(value, arguments.positional, renderer)
  }

  static let all: [String: Test] = {
    var all = ofTypes.merging(ofValues) { first, _ in first }
    for name in ["==", "eq", "equalto"] { all[name] = comparison(.equal) }
    for name in ["!=", "ne"] { all[name] = comparison(.notEqual) }
    for name in [">", "gt", "greaterthan"] { all[name] = comparison(.greater) }
    for name in ["<", "lt", "lessthan"] { all[name] = comparison(.less) }
    for name in [">=", "ge"] { all[name] = comparison(.greaterEqual) }
    for name in ["<=", "le"] { all[name] = comparison(.lessEqual) }
    all["in"] = comparison(.isIn)
    all["filter"] = test { (value) throws(TemplateError) in value.text.map { Filter.all[$0] != nil } ?? false }
    // Not from `all` itself: it is not there yet.
    all["test"] = test { (value) throws(TemplateError) in value.text.map { Test.all[$0] != nil } ?? false }
    return all
  }()

  private static let ofTypes: [String: Test] = [
    "defined": test { if case .undefined = $0 { false } else { true } },
    "undefined": test { if case .undefined = $0 { true } else { false } },
    "none": test { if case .none = $0 { true } else { false } },
    "boolean": test { if case .bool = $0 { true } else { false } },
    "true": test { if case .bool(true) = $0 { true } else { false } },
    "false": test { if case .bool(false) = $0 { true } else { false } },
    "integer": test {
      switch $0 {
      case .integer, .longInteger: true
      default: false
      }
    },
    "float": test { if case .double = $0 { true } else { false } },
    // As in Python, a boolean is a number.
    "number": test { $0.asDouble != nil },
    "string": test { $0.text != nil },
    "mapping": test { if case .dictionary = $0 { true } else { false } },
    "sequence": test { value in
      switch value {
      case .string, .markup, .list, .tuple, .dictionary, .undefined: return true
      case .iterable(let iterable):
        if case .range = iterable.kind { return true }
        return false
      default: return false
      }
    },
    "iterable": test { value in
      switch value {
      case .string, .markup, .list, .tuple, .dictionary, .undefined, .iterable, .loop: true
      default: false
      }
    },
    "callable": test { value in
      switch value {
      case .builtin, .method, .macro, .undefined: true
      default: false
      }
    },
    "escaped": test { $0.isMarkup },
  ]

  private static let ofValues: [String: Test] = [
    "odd": test { (value) throws(TemplateError) in try remainder(value, .integer(2)) == .integer(1) },
    "even": test { (value) throws(TemplateError) in try remainder(value, .integer(2)) == .integer(0) },
    "divisibleby": Test(argumentCount: 1) { (value, arguments, _) throws(TemplateError) in
      try remainder(value, arguments[0]) == .integer(0)
    },
    "lower": test { (value) throws(TemplateError) in try value.printed().isLowerText },
    "upper": test { (value) throws(TemplateError) in try value.printed().isUpperText },
    "sameas": Test(argumentCount: 1) { (value, arguments, _) throws(TemplateError) in
      isSame(value, arguments[0])
    },
  ]

  private static func remainder(_ value: Value, _ divisor: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = value { throw undefined.error }
    guard value.asDouble != nil, let number = divisor.asDouble else {
      throw .runtime("unsupported operand type(s) for %: '\(value.typeName)' and '\(divisor.typeName)'")
    }
    guard number != 0 else { throw .runtime("integer modulo by zero") }
    if let a = value.asInteger, let b = divisor.asInteger { return .integer(b == -1 ? 0 : (a % b + b) % b) }
    if value.isIntegral, divisor.isIntegral {
      throw .runtime("integers beyond 64 bits cannot be divided: \(try value.printed()) and \(try divisor.printed())")
    }
    let rest = (value.asDouble ?? 0).truncatingRemainder(dividingBy: number)
    return .double(rest != 0 && (rest < 0) != (number < 0) ? rest + number : rest)
  }

  /// Python's `is`, as far as it does not depend on how values are stored.
  private static func isSame(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.bool(let x), .bool(let y)): x == y
    case (.integer(let x), .integer(let y)): x == y
    case (.double(let x), .double(let y)): x == y
    case (.string(let x), .string(let y)): x.isSameText(as: y)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)): x === y
    case (.dictionary(let x), .dictionary(let y)): x === y
    case (.namespace(let x), .namespace(let y)): x === y
    default: false
    }
  }
}

/// `a is test` or `a is not test`.
struct TestExpression: Expression {
  let value: any Expression
  let name: String
  let test: Test
  let arguments: ArgumentList
  let isNegated: Bool

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try value.evaluate(renderer)
    if name == "lower" || name == "upper" { try renderer.spend(value.weight) }
    let holds = try test.call(name, value, try arguments.evaluate(renderer), renderer)
    return .bool(holds != isNegated)
  }
}
