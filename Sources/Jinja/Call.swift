import OrderedCollections
import OrderedJSON

/// An expression that calls something.
protocol CallExpression: Expression {
  var arguments: ArgumentList { get set }
}

extension CallExpression {
  /// The same call with the body of a call block as one more argument; nil where it has such an argument already.
  func passing(_ caller: CallerArgument) -> (any Expression)? {
    guard !arguments.named.contains(where: { $0.name.isSameText(as: "caller") }) else { return nil }
    var call = self
    call.arguments.named.append(("caller", caller))
    return call
  }
}

/// `f(…)`.
struct Call: CallExpression {
  let callee: any Expression
  var arguments: ArgumentList
  let line: Int

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let callee = try callee.evaluate(renderer)
    let arguments = try arguments.evaluate(renderer)
    renderer.line = line
    return try renderer.call(callee, arguments)
  }
}

/// `a.method(…)`, without making a value of the method first.
struct MethodCall: CallExpression {
  let object: any Expression
  let name: MethodName
  var arguments: ArgumentList
  let line: Int

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try object.evaluate(renderer)
    if name.presence(in: value) == .callable {
      let arguments = try arguments.evaluate(renderer)
      renderer.line = line
      return try name.call(on: value, arguments, renderer)
    }
    let callee = try value.attribute(name)
    let arguments = try arguments.evaluate(renderer)
    renderer.line = line
    return try renderer.call(callee, arguments)
  }
}

extension Renderer {
  func call(_ callee: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch callee {
    case .builtin(let builtin): return try builtin.call(arguments, self)
    case .macro(let macro): return .string(try call(macro, arguments))
    case .method(let method): return try method.name.call(on: method.receiver, arguments, self)
    case .undefined(let undefined): throw undefined.error
    default: throw .runtime("'\(callee.typeName)' object is not callable")
    }
  }

  private func call(_ macro: Macro, _ arguments: Arguments) throws(TemplateError) -> String {
    let definition = macro.definition
    try spend(Limit.turn)
    try enter(levels: template.levels)
    let (outer, callLine) = (scope, line)
    scope = Scope(parent: macro.scope)
    defer {
      scope = outer
      line = callLine
      leave(levels: template.levels)
    }
    try bind(arguments, to: definition)
    return try captured { () throws(TemplateError) in _ = try definition.body.run(self) }
  }

  private func bind(_ arguments: Arguments, to definition: MacroDefinition) throws(TemplateError) {
    var named = TextDictionary(arguments.named.map { (key: $0.name, value: $0.value) })
    for (index, parameter) in definition.parameters.enumerated() {
      if index < arguments.positional.count {
        set(parameter.symbol, to: arguments.positional[index])
      } else if let value = named.removeValue(forKey: parameter.name) {
        set(parameter.symbol, to: value)
      } else if let value = try parameter.standard?.evaluate(self) {
        set(parameter.symbol, to: value)
      } else {
        set(parameter.symbol, to: .undefined("parameter '\(parameter.name)' was not provided"))
      }
    }
    if let symbol = definition.caller {
      var caller = named.removeValue(forKey: "caller")
      if case .some(.none) = caller { caller = nil }
      set(symbol, to: caller ?? .undefined("No caller defined"))
    }
    let extra = Array(arguments.positional.dropFirst(definition.parameters.count))
    if let symbol = definition.restPositional {
      set(symbol, to: try .tuple(extra))
    } else if !extra.isEmpty {
      throw .runtime(
        "macro \(definition.quotedName) takes not more than \(definition.parameters.count) argument(s)")
    }
    if let symbol = definition.restNamed {
      var rest: OrderedDictionary<Value, Value> = [:]
      for (name, value) in named { rest[.string(name)] = value }
      set(symbol, to: .dictionary(try Mapping(rest)))
    } else if named["caller"] != nil {
      throw .runtime(
        "macro \(definition.quotedName) was invoked with two values for the special caller argument: it does not call caller()")
    } else if let name = named.keys.first {
      throw .runtime("macro \(definition.quotedName) takes no keyword argument '\(name)'")
    }
  }
}
