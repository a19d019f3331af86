import OrderedCollections
import OrderedJSON

/// The values that a call passes.
struct Arguments {
  var positional: [Value] = []
  var named: [(name: String, value: Value)] = []
}

/// The expressions of a call's arguments: `(a, b=c, *d, **e)`.
struct ArgumentList: Sendable {
  var positional: [any Expression] = []
  var named: [(name: String, value: any Expression)] = []
  var restPositional: (any Expression)?
  var restNamed: (any Expression)?

  var isEmpty: Bool { positional.isEmpty && named.isEmpty && restPositional == nil && restNamed == nil }

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Arguments {
    if isEmpty { return Arguments() }
    var arguments = Arguments(positional: try positional.evaluate(renderer))
    for (name, value) in named { arguments.named.append((name, try value.evaluate(renderer))) }
    if let restPositional { arguments.positional += try restPositional.evaluate(renderer).iterated() }
    if let restNamed {
      guard case .dictionary(let mapping) = try restNamed.evaluate(renderer) else {
        throw .runtime("argument after ** must be a mapping")
      }
      for (key, value) in mapping.members {
        guard let name = key.text else { throw .runtime("keywords must be strings") }
        arguments.named.append((name, value))
      }
    }
    return arguments
  }
}

/// The parameters of a filter, method, test or function.
struct Signature: Sendable {
  let parameters: [String]
  let required: Int

  init(_ parameters: String..., required: Int = 0) {
    self.init(parameters, required: required)
  }

  init(_ parameters: [String], required: Int) {
    self.parameters = parameters
    self.required = required
  }

  func bind(_ arguments: Arguments, to function: String) throws(TemplateError) -> Bound {
    if arguments.named.isEmpty, arguments.positional.count == parameters.count {
      return Bound(function: function, parameters: parameters, values: arguments.positional)
    }
    guard arguments.positional.count <= parameters.count else {
      throw .runtime("\(function)() takes at most \(parameters.count) arguments (\(arguments.positional.count) given)")
    }
    var values: [Value?] = arguments.positional
    values += repeatElement(nil, count: parameters.count - values.count)
    for (name, value) in arguments.named {
      guard let index = parameters.firstIndex(where: { $0.isSameText(as: name) }) else {
        throw .runtime("\(function)() got an unexpected keyword argument '\(name)'")
      }
      guard values[index] == nil else { throw .runtime("\(function)() got multiple values for argument '\(name)'") }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw .runtime("\(function)() is missing the argument '\(parameters[index])'")
    }
    return Bound(function: function, parameters: parameters, values: values)
  }
}

/// Arguments in the places of their parameters; nil where none was given.
struct Bound {
  let function: String
  let parameters: [String]
  let values: [Value?]

  subscript(index: Int) -> Value? { values[index] }

  private func wrong(_ index: Int, _ value: Value, _ expected: String) -> TemplateError {
    if case .undefined(let undefined) = value { return undefined.error }
    return .runtime(
      "\(function)(): expected \(expected) as '\(parameters[index])', found a value of type \(value.typeName)")
  }

  /// A parameter that must be given.
  func value(_ index: Int) throws(TemplateError) -> Value {
    guard let value = values[index] else {
      throw .runtime("\(function)() is missing the argument '\(parameters[index])'")
    }
    return value
  }

  /// An integer, or nil where none or None was given.
  func integer(_ index: Int) throws(TemplateError) -> Int? {
    guard let value = values[index] else { return nil }
    if case .none = value { return nil }
    guard let integer = value.asInteger else { throw wrong(index, value, "an integer") }
    return integer
  }

  /// A string, or nil where none or None was given.
  func text(_ index: Int) throws(TemplateError) -> String? {
    guard let value = values[index] else { return nil }
    if case .none = value { return nil }
    guard let text = value.text else { throw wrong(index, value, "a string") }
    return text
  }

  /// A string that must be given.
  func requiredText(_ index: Int) throws(TemplateError) -> String {
    let value = try self.value(index)
    guard let text = value.text else { throw wrong(index, value, "a string") }
    return text
  }

  /// Whether the value is true; false where none was given.
  func flag(_ index: Int) -> Bool { values[index]?.isTrue ?? false }
}
