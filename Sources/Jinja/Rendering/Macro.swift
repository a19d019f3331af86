import OrderedCollections
import OrderedJSON

/// `{% macro %}`.
struct MacroStatement: Statement {
  let symbol: Int
  let definition: MacroDefinition

  func run(_ renderer: Renderer) -> Flow {
    renderer.set(symbol, to: renderer.macro(definition))
    return .next
  }
}

/// What a macro is made of; the body of a `{% call %}` block is a macro without a name.
struct MacroDefinition: Sendable {
  let name: String?
  let parameters: [(name: String, symbol: Int, standard: (any Expression)?)]
  /// The symbol of `caller` where the body uses it and no parameter is called so.
  let caller: Int?
  /// The symbols of `varargs` and `kwargs` where the body uses them.
  let restPositional: Int?
  let restNamed: Int?
  let body: Body

  /// Whether the body calls `caller()`.
  var usesCaller: Bool { caller != nil }

  /// How Python's `repr` writes the name.
  var quotedName: String { name?.quoted ?? "None" }
}

/// `{% call(a, b) macro(…) %}…{% endcall %}`: calls a macro, which gets the body as the macro `caller`.
struct CallBlock: Statement {
  /// The call, with `caller` among its arguments.
  let call: any Expression
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    let value = try call.evaluate(renderer)
    guard let text = value.text else {
      throw .runtime("a call block writes the text that it is given, not a value of type \(value.typeName)")
    }
    try renderer.write(text)
    return .next
  }
}

/// The body of a `{% call %}` block as an argument of the call.
struct CallerArgument: Expression {
  let definition: MacroDefinition

  func evaluate(_ renderer: Renderer) -> Value { renderer.macro(definition) }
}

/// A macro, and the scope in which it was defined and looks up names.
final class Macro {
  let definition: MacroDefinition
  let scope: Scope?

  init(_ definition: MacroDefinition, scope: Scope?) {
    self.definition = definition
    self.scope = scope
  }

  /// `macro.name` and the like; nil for an attribute it does not have.
  func attribute(_ name: String) throws(TemplateError) -> Value? {
    switch name {
    case "name": return definition.name.map { Value.string($0) } ?? Value.none
    case "arguments": return try .tuple(definition.parameters.map { .string($0.name) })
    case "catch_varargs": return .bool(definition.restPositional != nil)
    case "catch_kwargs": return .bool(definition.restNamed != nil)
    case "caller": return .bool(definition.usesCaller)
    default: return nil
    }
  }
}

extension Renderer {
  /// What a macro writes.
  func call(_ macro: Macro, _ arguments: Arguments) throws(TemplateError) -> String {
    let definition = macro.definition
    try spend(Limit.turn)
    try enter(levels: template.levels)
    let (outer, callLine) = (scope, line)
    scope = Scope(parent: macro.scope)
    defer {
      scope = outer
      leave(levels: template.levels)
    }
    try bind(arguments, to: definition)
    let text = try captured { () throws(TemplateError) in _ = try definition.body.run(self) }
    line = callLine  // after an error the line stays the one in the macro
    return text
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
        "macro \(definition.quotedName) was invoked with two values for the special caller argument: it does not call caller()"
      )
    } else if let name = named.keys.first {
      throw .runtime("macro \(definition.quotedName) takes no keyword argument '\(name)'")
    }
  }
}
