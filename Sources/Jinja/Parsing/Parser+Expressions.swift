extension Parser {
  /// An expression, or several with commas between them: a tuple without parentheses.
  mutating func tupleOrExpression(
    allowsConditional: Bool = true, endsAt end: String? = nil, inParentheses: Bool = false
  ) throws(TemplateError) -> Node {
    var items: [Node] = []
    var isTuple = false
    while true {
      if current.kind == .variableEnd || current.kind == .blockEnd || isSymbol(.rightParenthesis) { break }
      if let end, isName(end) { break }
      items.append(try expression(allowsConditional: allowsConditional))
      guard skip(.comma) else { break }
      isTuple = true
    }
    if !isTuple {
      if let first = items.first { return first }
      if !inParentheses { throw error("expected an expression, found \(current.name)") }
    }
    return try node(ListDisplay(items: items.map(\.expression), isTuple: true), overAll: items)
  }

  mutating func expression(allowsConditional: Bool = true) throws(TemplateError) -> Node {
    try nested { (parser) throws(TemplateError) in
      allowsConditional ? try parser.conditional() : try parser.or()
    }
  }

  private mutating func conditional() throws(TemplateError) -> Node {
    var line = current.line
    var value = try or()
    while skip(name: "if") {
      let test = try or()
      let negative: Node? =
        skip(name: "else") ? try nested { (parser) throws(TemplateError) in try parser.conditional() } : nil
      value = try node(
        Conditional(test: test.expression, positive: value.expression, negative: negative?.expression, line: line),
        over: test, value, negative)
      line = current.line
    }
    return value
  }

  private mutating func or() throws(TemplateError) -> Node {
    var left = try and()
    while skip(name: "or") {
      let right = try and()
      left = try node(Logical(isAnd: false, left: left.expression, right: right.expression), over: left, right)
    }
    return left
  }

  private mutating func and() throws(TemplateError) -> Node {
    var left = try not()
    while skip(name: "and") {
      let right = try not()
      left = try node(Logical(isAnd: true, left: left.expression, right: right.expression), over: left, right)
    }
    return left
  }

  private mutating func not() throws(TemplateError) -> Node {
    guard skip(name: "not") else { return try comparison() }
    let operand = try nested { (parser) throws(TemplateError) in try parser.not() }
    return try node(Not(operand: operand.expression), over: operand)
  }

  private mutating func comparison() throws(TemplateError) -> Node {
    let first = try sum()
    var rest: [(operation: Comparison.Operator, operand: any Expression)] = []
    var nodes = [first]
    while let operation = comparisonOperator() {
      let operand = try sum()
      rest.append((operation, operand.expression))
      nodes.append(operand)
    }
    return rest.isEmpty ? first : try node(Comparison(first: first.expression, rest: rest), overAll: nodes)
  }

  private mutating func comparisonOperator() -> Comparison.Operator? {
    let operation: Comparison.Operator
    switch current.kind {
    case .symbol(.equal): operation = .equal
    case .symbol(.notEqual): operation = .notEqual
    case .symbol(.less): operation = .less
    case .symbol(.lessEqual): operation = .lessEqual
    case .symbol(.greater): operation = .greater
    case .symbol(.greaterEqual): operation = .greaterEqual
    case .name("in"): operation = .isIn
    case .name("not") where next.kind == .name("in"):
      advance()
      operation = .notIn
    default: return nil
    }
    advance()
    return operation
  }

  /// Sums bind less than `~`, and that less than products: Jinja's own order.
  private mutating func sum() throws(TemplateError) -> Node {
    var left = try concatenation()
    while isSymbol(.plus) || isSymbol(.minus) {
      let operation: Arithmetic.Operator = isSymbol(.plus) ? .add : .subtract
      advance()
      left = try arithmetic(operation, left, try concatenation())
    }
    return left
  }

  private mutating func concatenation() throws(TemplateError) -> Node {
    var parts = [try product()]
    while skip(.tilde) { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try node(Concatenation(parts: parts.map(\.expression)), overAll: parts)
  }

  private mutating func product() throws(TemplateError) -> Node {
    var left = try power()
    while true {
      let operation: Arithmetic.Operator
      switch current.kind {
      case .symbol(.multiply): operation = .multiply
      case .symbol(.divide): operation = .divide
      case .symbol(.floorDivide): operation = .floorDivide
      case .symbol(.modulo): operation = .modulo
      default: return left
      }
      advance()
      left = try arithmetic(operation, left, try power())
    }
  }

  /// Unlike in Python, powers group from the left and bind less than signs.
  private mutating func power() throws(TemplateError) -> Node {
    var left = try unary()
    while skip(.power) { left = try arithmetic(.power, left, try unary()) }
    return left
  }

  private mutating func arithmetic(
    _ operation: Arithmetic.Operator, _ left: Node, _ right: Node
  ) throws(TemplateError) -> Node {
    try node(
      Arithmetic(operation: operation, left: left.expression, right: right.expression), over: left, right)
  }

  private mutating func unary(withFilters: Bool = true) throws(TemplateError) -> Node {
    var value: Node
    if isSymbol(.minus) || isSymbol(.plus) {
      let isNegative = isSymbol(.minus)
      advance()
      let operand = try nested { (parser) throws(TemplateError) in try parser.unary(withFilters: false) }
      value = try node(Signed(isNegative: isNegative, operand: operand.expression), over: operand)
    } else {
      value = try primary()
    }
    value = try postfix(value)
    return withFilters ? try filtersAndTests(value) : value
  }

  /// A literal or name with what follows it, but no sign and no filter.
  mutating func operand() throws(TemplateError) -> Node {
    try postfix(try primary())
  }

  // MARK: Literals and names

  private mutating func primary() throws(TemplateError) -> Node {
    let token = current
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return try node(Constant.bool(true))
      case "false", "False": return try node(Constant.bool(false))
      case "none", "None": return try node(Constant.none)
      default:
        if Builtin.unsupported.contains(name), isSymbol(.leftParenthesis) {
          throw unsupported("the function '\(name)'", line: token.line)
        }
        return try node(Name(name, symbol: symbol(name)))
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      return try node(Constant.string(text))
    case .integer(let value):
      advance()
      return try node(Constant.integer(value))
    case .longInteger(let value):
      advance()
      return try node(Constant.longInteger(value))
    case .float(let value):
      advance()
      return try node(Constant.double(value))
    case .symbol(.leftParenthesis):
      advance()
      let value = try tupleOrExpression(inParentheses: true)
      try expect(.rightParenthesis)
      return value
    case .symbol(.leftBracket): return try list()
    case .symbol(.leftBrace): return try dictionary()
    default: throw error("expected an expression, found \(token.name)")
    }
  }

  private mutating func list() throws(TemplateError) -> Node {
    try expect(.leftBracket)
    var items: [Node] = []
    while !isSymbol(.rightBracket) {
      if !items.isEmpty { try expect(.comma) }
      if isSymbol(.rightBracket) { break }
      items.append(try expression())
    }
    try expect(.rightBracket)
    return try node(ListDisplay(items: items.map(\.expression), isTuple: false), overAll: items)
  }

  private mutating func dictionary() throws(TemplateError) -> Node {
    try expect(.leftBrace)
    var members: [(key: any Expression, value: any Expression)] = []
    var nodes: [Node] = []
    while !isSymbol(.rightBrace) {
      if !members.isEmpty { try expect(.comma) }
      if isSymbol(.rightBrace) { break }
      let key = try expression()
      try expect(.colon)
      let value = try expression()
      members.append((key.expression, value.expression))
      nodes += [key, value]
    }
    try expect(.rightBrace)
    return try node(DictionaryDisplay(members: members), overAll: nodes)
  }
}
