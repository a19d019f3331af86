import OrderedJSON

extension Parser {
  /// `macro name(a, b=1)`, from the name on.
  mutating func macroStatement(_ line: Int) throws(TemplateError) -> MacroStatement {
    let name = try expectName("the macro's name")
    let parameters = try parameters()
    return MacroStatement(
      symbol: symbol(name), definition: try definition(name, parameters, until: "endmacro", line))
  }

  /// `call(a, b=1) macro(…)`, from the parameters on; they may be left out.
  mutating func callStatement(_ line: Int) throws(TemplateError) -> CallBlock {
    let parameters = isSymbol(.leftParenthesis) ? try parameters() : []
    let call = try expression()
    guard call.expression is any CallExpression else { throw error("expected a call of a macro", line: line) }
    let caller = CallerArgument(definition: try definition(nil, parameters, until: "endcall", line))
    guard let expression = (call.expression as? any CallExpression)?.passing(caller) else {
      throw error("the special argument 'caller' is given twice", line: line)
    }
    return CallBlock(call: expression, line: line)
  }

  private typealias Parameters = [(name: String, symbol: Int, standard: (any Expression)?)]

  private mutating func parameters() throws(TemplateError) -> Parameters {
    var parameters: Parameters = []
    try expect(.leftParenthesis)
    while !isSymbol(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let parameter = try expectName("a parameter's name")
      let standard: Node? = skip(.assign) ? try expression() : nil
      if standard == nil, parameters.last?.standard != nil {
        throw error("non-default argument follows default argument")
      }
      parameters.append((parameter, symbol(parameter), standard?.expression))
    }
    try expect(.rightParenthesis)
    return parameters
  }

  private mutating func definition(
    _ name: String?, _ parameters: Parameters, until end: String, _ line: Int
  ) throws(TemplateError) -> MacroDefinition {
    let start = position
    let body = try outsideLoop(until: end)
    func isUsed(_ special: String) -> Bool { uses(special, since: start) }
    func special(_ name: String) -> Int? {
      isUsed(name) && !parameters.contains { $0.name.isSameText(as: name) } ? symbol(name) : nil
    }
    if isUsed("caller"), let parameter = parameters.first(where: { $0.name.isSameText(as: "caller") }),
      parameter.standard == nil
    {
      throw error("the special argument 'caller' must be left out or be given a default", line: line)
    }
    return MacroDefinition(
      name: name, parameters: parameters, caller: special("caller"), restPositional: special("varargs"),
      restNamed: special("kwargs"), body: body)
  }
}
