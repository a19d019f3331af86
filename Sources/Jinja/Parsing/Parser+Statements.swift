extension Parser {
  /// Statements up to one of the tags, whose name becomes the current token; up to the template's end where there is none.
  mutating func body(until ends: [String]) throws(TemplateError) -> Body {
    var body = Body()
    while true {
      let token = current
      switch token.kind {
      case .data(let text):
        body.statements.append(Text(text: text))
        advance()
      case .variableBegin:
        advance()
        let value = try tupleOrExpression()
        guard skip(.variableEnd) else { throw error("expected '}}', found \(current.name)") }
        body.statements.append(Output(expression: value.expression, line: token.line))
      case .blockBegin:
        advance()
        if case .name(let name) = current.kind, ends.contains(name) { return body }
        try statement(into: &body)
        try expectBlockEnd()
      default:
        if let open = openTags.last, !ends.isEmpty {
          throw error(
            "the template ends before {% \(ends.map { $0 }.joined(separator: " %} or {% ")) %}; the tag '\(open.name)' of line \(open.line) is open"
          )
        }
        return body
      }
    }
  }

  mutating func expectBlockEnd() throws(TemplateError) {
    guard skip(.blockEnd) else { throw error("expected '%}', found \(current.name)") }
  }

  /// The body between a tag and its end tag; moves past the name of the end tag.
  private mutating func block(until ends: String...) throws(TemplateError) -> (body: Body, end: String) {
    _ = skip(.colon)
    try expectBlockEnd()
    let body = try nested { (parser) throws(TemplateError) in try parser.body(until: ends) }
    return (body, try expectName("a tag"))
  }

  private mutating func statement(into body: inout Body) throws(TemplateError) {
    let line = current.line
    guard case .name(let tag) = current.kind else { throw error("expected a tag's name, found \(current.name)") }
    advance()
    openTags.append((tag, line))
    switch tag {
    case "if": body.statements.append(try ifStatement(line))
    case "for": body.statements.append(try forStatement(line))
    case "set": body.statements.append(try setStatement(line))
    case "macro": body.statements.append(try macroStatement(line))
    case "call": body.statements.append(try callStatement(line))
    case "with": body.statements.append(try withStatement(line))
    case "filter": body.statements.append(try filterStatement(line))
    case "generation":
      // `transformers` marks what the assistant wrote with it; the text is the same, and variables stay inside.
      let (inner, _) = try block(until: "endgeneration")
      body.statements.append(Block(assignments: [], body: inner, line: line))
    case "print": try printStatement(line, into: &body)
    case "break", "continue":
      guard isInLoop else { throw error("'\(tag)' outside of a loop", line: line) }
      body.statements.append(Jump(flow: tag == "break" ? .leaveLoop : .nextTurn))
    case "block", "extends", "include", "import", "from", "autoescape", "do", "trans", "debug":
      throw unsupported("the tag '\(tag)'", line: line)
    default:
      throw unknown(tag, line)
    }
    openTags.removeLast()
  }

  private func unknown(_ tag: String, _ line: Int) -> TemplateError {
    let enclosing = openTags.dropLast().last
    let hint = enclosing.map { "; the tag '\($0.name)' of line \($0.line) is open" } ?? ""
    return error("unknown tag '\(tag)'\(hint)", line: line)
  }

  private mutating func ifStatement(_ line: Int) throws(TemplateError) -> If {
    var branches: [(test: any Expression, line: Int, body: Body)] = []
    var line = line
    while true {
      let test = try tupleOrExpression(allowsConditional: false)
      let (body, end) = try block(until: "elif", "else", "endif")
      branches.append((test.expression, line, body))
      switch end {
      case "elif": line = current.line
      case "else": return If(branches: branches, otherwise: try block(until: "endif").body)
      default: return If(branches: branches, otherwise: Body())
      }
    }
  }

  private mutating func forStatement(_ line: Int) throws(TemplateError) -> For {
    let target = try target(endsAt: "in")
    guard skip(name: "in") else { throw error("expected 'in', found \(current.name)") }
    let items = try tupleOrExpression(allowsConditional: false, endsAt: "recursive")
    let test: Node? = skip(name: "if") ? try expression() : nil
    if isName("recursive") { throw unsupported("a recursive loop") }

    let outer = isInLoop
    isInLoop = true
    let start = position
    let (body, end) = try block(until: "endfor", "else")
    isInLoop = outer
    let usesLoop = uses("loop", since: start)
    let otherwise = end == "else" ? try block(until: "endfor").body : nil
    return For(
      target: target, items: items.expression, test: test?.expression, body: body, otherwise: otherwise,
      loopSymbol: usesLoop ? symbol("loop") : nil, line: line)
  }

  private mutating func setStatement(_ line: Int) throws(TemplateError) -> any Statement {
    let target = try target(allowsAttribute: true)
    if skip(.assign) { return Assignment(target: target, value: try tupleOrExpression().expression, line: line) }
    let filters = isSymbol(.pipe) ? try filters(of: try node(CapturedText())) : nil
    return Capture(target: target, body: try outsideLoop(until: "endset"), filters: filters?.expression, line: line)
  }

  private mutating func filterStatement(_ line: Int) throws(TemplateError) -> Capture {
    let filters = try filters(of: try node(CapturedText()), startsWithName: true)
    return Capture(target: nil, body: try outsideLoop(until: "endfilter"), filters: filters.expression, line: line)
  }

  /// A body whose text is captured: a jump must not leave it.
  mutating func outsideLoop(until end: String) throws(TemplateError) -> Body {
    let outer = isInLoop
    isInLoop = false
    defer { isInLoop = outer }
    return try block(until: end).body
  }

  private mutating func withStatement(_ line: Int) throws(TemplateError) -> Block {
    var assignments: [(target: Target, value: any Expression)] = []
    while current.kind != .blockEnd {
      if !assignments.isEmpty { try expect(.comma) }
      let target = try target()
      try expect(.assign)
      assignments.append((target, try expression().expression))
    }
    return Block(assignments: assignments, body: try block(until: "endwith").body, line: line)
  }

  private mutating func printStatement(_ line: Int, into body: inout Body) throws(TemplateError) {
    var isFirst = true
    while current.kind != .blockEnd {
      if !isFirst { try expect(.comma) }
      isFirst = false
      body.statements.append(Output(expression: try expression().expression, line: line))
    }
  }

  // MARK: Targets

  /// `a`, `a.b` or `a, b`, for `set`, `for` and `with`.
  private mutating func target(allowsAttribute: Bool = false, endsAt end: String? = nil) throws(TemplateError) -> Target
  {
    var targets: [Target] = []
    var isTuple = false
    while true {
      if let end, isName(end) { break }
      if isSymbol(.rightParenthesis) { break }
      targets.append(try singleTarget(allowsAttribute: allowsAttribute))
      guard skip(.comma) else { break }
      isTuple = true
    }
    guard let first = targets.first else { throw error("expected a variable's name, found \(current.name)") }
    return isTuple ? .tuple(targets) : first
  }

  private mutating func singleTarget(allowsAttribute: Bool) throws(TemplateError) -> Target {
    if skip(.leftParenthesis) {
      let target = try nested { (parser) throws(TemplateError) in
        try parser.target(allowsAttribute: allowsAttribute)
      }
      try expect(.rightParenthesis)
      return target
    }
    let name = try expectName("a variable's name")
    if ["true", "false", "none", "True", "False", "None"].contains(name) { throw error("can't assign to '\(name)'") }
    if allowsAttribute, skip(.dot) { return .attribute(symbol(name), try expectName("an attribute's name")) }
    return .name(symbol(name))
  }
}
