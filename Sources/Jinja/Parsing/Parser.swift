import OrderedJSON

/// Reads tokens into statements and expressions, as Jinja's own parser does; unsupported features are refused here.
struct Parser {
  let tokens: [Token]
  var position = 0
  /// The names seen so far; a variable is its number.
  var symbols: [String] = []
  private var numbers: TextDictionary<Int> = [:]
  /// How many blocks, brackets and signs are open.
  private var nesting = 0
  private(set) var deepestNesting = 0
  private(set) var deepestExpression = 0
  /// Whether `break` and `continue` are allowed.
  var isInLoop = false
  /// The blocks that are open, for the message about a missing end.
  var openTags: [(name: String, line: Int)] = []

  init(_ source: String) throws(TemplateError) {
    tokens = try Lexer.tokens(of: source)
  }

  /// The whole template.
  mutating func template() throws(TemplateError) -> Body {
    try body(until: [])
  }

  // MARK: Tokens

  var current: Token { tokens[position] }

  var next: Token { tokens[min(position + 1, tokens.count - 1)] }

  mutating func advance() {
    if position < tokens.count - 1 { position += 1 }
  }

  func isName(_ name: String) -> Bool { current.kind == .name(name) }

  func isSymbol(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

  mutating func skip(_ kind: Token.Kind) -> Bool {
    guard current.kind == kind else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool { skip(.name(name)) }

  mutating func skip(_ symbol: Token.Symbol) -> Bool { skip(.symbol(symbol)) }

  mutating func expect(_ symbol: Token.Symbol) throws(TemplateError) {
    guard skip(symbol) else { throw error("expected '\(symbol.rawValue)', found \(current.name)") }
  }

  mutating func expectName(_ what: String) throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw error("expected \(what), found \(current.name)") }
    advance()
    return name
  }

  func error(_ message: String, line: Int? = nil) -> TemplateError {
    TemplateError(.syntax, message, line: line ?? current.line)
  }

  func unsupported(_ what: String, line: Int? = nil) -> TemplateError {
    TemplateError(.unsupported, "\(what) is not supported", line: line ?? current.line)
  }

  mutating func symbol(_ name: String) -> Int {
    if let number = numbers[name] { return number }
    let number = symbols.count
    numbers[name] = number
    symbols.append(name)
    return number
  }

  /// Whether a name occurs anywhere between a token and the current one, as a variable or not.
  func uses(_ name: String, since start: Int) -> Bool {
    tokens[start..<position].contains { $0.kind == .name(name) }
  }

  // MARK: Limits

  /// Runs a rule that may contain itself.
  mutating func nested<T>(_ rule: (inout Parser) throws(TemplateError) -> T) throws(TemplateError) -> T {
    nesting += 1
    deepestNesting = max(deepestNesting, nesting)
    guard nesting <= Limit.nesting else {
      throw TemplateError(
        .limit, "blocks and brackets are nested more than \(Limit.nesting) levels deep", line: current.line)
    }
    let result = try rule(&self)
    nesting -= 1
    return result
  }

  /// An expression made of others, with its depth checked.
  mutating func node(_ expression: any Expression, over parts: Node?...) throws(TemplateError) -> Node {
    try node(expression, overAll: parts.compactMap(\.self))
  }

  mutating func node(_ expression: any Expression, overAll parts: [Node]) throws(TemplateError) -> Node {
    let depth = (parts.map(\.depth).max() ?? 0) + 1
    deepestExpression = max(deepestExpression, depth)
    guard depth <= Limit.expressionDepth else {
      throw TemplateError(
        .limit, "an expression is more than \(Limit.expressionDepth) levels deep", line: current.line)
    }
    return Node(expression: expression, depth: depth)
  }
}

/// An expression that was read, and how many levels it has.
struct Node {
  let expression: any Expression
  let depth: Int
}
