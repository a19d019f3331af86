extension Parser {
  /// Attributes, subscripts and calls after a value.
  mutating func postfix(_ value: Node) throws(TemplateError) -> Node {
    var value = value
    while true {
      let line = current.line
      switch current.kind {
      case .symbol(.dot):
        advance()
        value = try attribute(of: value, line)
      case .symbol(.leftBracket):
        advance()
        value = try subscripted(value)
      case .symbol(.leftParenthesis): value = try call(value, line)
      default: return value
      }
    }
  }

  private mutating func attribute(of value: Node, _ line: Int) throws(TemplateError) -> Node {
    switch current.kind {
    case .name(let name):
      advance()
      guard isSymbol(.leftParenthesis) else { return try node(Attribute(value.expression, name), over: value) }
      let (arguments, nodes) = try self.arguments()
      return try node(
        MethodCall(object: value.expression, name: MethodName(name), arguments: arguments, line: line),
        overAll: nodes + [value])
    case .integer(let index):
      advance()
      return try node(Subscript(object: value.expression, index: Constant.integer(index)), over: value)
    default: throw error("expected a name or number after '.', found \(current.name)")
    }
  }

  private mutating func subscripted(_ value: Node) throws(TemplateError) -> Node {
    let start: Node? = isSymbol(.colon) ? nil : try expression()
    if isSymbol(.comma) { throw unsupported("a subscript with several parts") }
    if let start, skip(.rightBracket) {
      return try node(Subscript(object: value.expression, index: start.expression), over: value, start)
    }
    func isEnd() -> Bool { isSymbol(.colon) || isSymbol(.rightBracket) }
    try expect(.colon)
    let stop: Node? = isEnd() ? nil : try expression()
    let step: Node? = skip(.colon) && !isEnd() ? try expression() : nil
    if isSymbol(.comma) { throw unsupported("a subscript with several parts") }
    try expect(.rightBracket)
    return try node(
      Slice(
        object: value.expression, start: start?.expression, stop: stop?.expression, step: step?.expression),
      over: value, start, stop, step)
  }

  private mutating func call(_ callee: Node, _ line: Int) throws(TemplateError) -> Node {
    let (arguments, nodes) = try self.arguments()
    return try node(
      Call(callee: callee.expression, arguments: arguments, line: line), overAll: nodes + [callee])
  }

  /// `(a, b=c, *d, **e)`
  private mutating func arguments() throws(TemplateError) -> (ArgumentList, [Node]) {
    let line = current.line
    var list = ArgumentList()
    var nodes: [Node] = []
    func wrongOrder() -> TemplateError { error("invalid order of arguments in a call", line: line) }
    func take(_ parser: inout Parser) throws(TemplateError) -> any Expression {
      let node = try parser.expression()
      nodes.append(node)
      return node.expression
    }
    try expect(.leftParenthesis)
    while !isSymbol(.rightParenthesis) {
      if !nodes.isEmpty { try expect(.comma) }
      if isSymbol(.rightParenthesis) { break }
      if skip(.multiply) {
        guard list.restPositional == nil, list.restNamed == nil else { throw wrongOrder() }
        list.restPositional = try take(&self)
      } else if skip(.power) {
        guard list.restNamed == nil else { throw wrongOrder() }
        list.restNamed = try take(&self)
      } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
        guard list.restNamed == nil else { throw wrongOrder() }
        advance()
        advance()
        list.named.append((name, try take(&self)))
      } else {
        guard list.named.isEmpty, list.restPositional == nil, list.restNamed == nil else { throw wrongOrder() }
        list.positional.append(try take(&self))
      }
    }
    try expect(.rightParenthesis)
    return (list, nodes)
  }

  // MARK: Filters and tests

  mutating func filtersAndTests(_ value: Node) throws(TemplateError) -> Node {
    var value = value
    while true {
      if isSymbol(.pipe) {
        value = try filters(of: value)
      } else if isName("is") {
        value = try test(of: value)
      } else if isSymbol(.leftParenthesis) {
        value = try call(value, current.line)
      } else {
        return value
      }
    }
  }

  /// `| name(…) | name …`; the first without its bar when it starts with the name.
  mutating func filters(of value: Node, startsWithName: Bool = false) throws(TemplateError) -> Node {
    var value = value
    var startsWithName = startsWithName
    while startsWithName || skip(.pipe) {
      startsWithName = false
      let line = current.line
      let name = try dottedName("a filter's name")
      guard let filter = Filter.all[name] else {
        throw Filter.unsupported.contains(name)
          ? unsupported("the filter '\(name)'", line: line) : error("no filter named '\(name)'", line: line)
      }
      let (arguments, nodes) = isSymbol(.leftParenthesis) ? try self.arguments() : (ArgumentList(), [])
      value = try node(
        FilterExpression(value: value.expression, name: name, filter: filter, arguments: arguments, line: line),
        overAll: nodes + [value])
    }
    return value
  }

  private mutating func dottedName(_ what: String) throws(TemplateError) -> String {
    var name = try expectName(what)
    while skip(.dot) { name += "." + (try expectName(what)) }
    return name
  }

  private mutating func test(of value: Node) throws(TemplateError) -> Node {
    advance()
    let isNegated = skip(name: "not")
    let line = current.line
    let name = try dottedName("a test's name")
    guard let test = Test.all[name] else { throw error("no test named '\(name)'", line: line) }

    var arguments = ArgumentList()
    var nodes: [Node] = []
    if isSymbol(.leftParenthesis) {
      (arguments, nodes) = try self.arguments()
    } else if startsTestArgument {
      if isName("is") { throw error("tests cannot be chained with 'is'") }
      let argument = try nested { (parser) throws(TemplateError) in try parser.operand() }
      arguments.positional = [argument.expression]
      nodes = [argument]
    }
    return try node(
      TestExpression(value: value.expression, name: name, test: test, arguments: arguments, isNegated: isNegated),
      overAll: nodes + [value])
  }

  /// Whether what comes is a test's argument without parentheses.
  private var startsTestArgument: Bool {
    switch current.kind {
    case .name(let name): !["else", "or", "and"].contains(name)
    case .string, .integer, .longInteger, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
    default: false
    }
  }
}
