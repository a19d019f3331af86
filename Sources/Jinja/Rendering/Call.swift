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
}
