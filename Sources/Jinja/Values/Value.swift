import OrderedJSON

/// What a template computes with: Python's values, as far as templates can tell.
enum Value {
  case undefined(Undefined)
  case none
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits. It is printed and compared, but not computed with.
  case longInteger(LongInteger)
  case double(Double)
  case string(String)
  /// A string that was marked safe: joining it with others escapes those, as in Python.
  case markup(String)
  case list(List)
  case tuple(List)
  case dictionary(Mapping)
  case iterable(Iterable)
  case namespace(Namespace)
  case loop(Loop)
  case builtin(Builtin)
  case method(BoundMethod)
  case macro(Macro)

  /// A missing value, with the error message for its use.
  static func undefined(_ message: String) -> Value { .undefined(Undefined(message)) }

  /// A list.
  static func list(_ items: [Value]) throws(TemplateError) -> Value { .list(try List(items)) }

  /// A tuple.
  static func tuple(_ items: [Value]) throws(TemplateError) -> Value { .tuple(try List(items)) }

  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .longInteger(let value): self = .longInteger(value)
    case .number(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let elements): self = .list(List(elements))
    case .object(let members): self = .dictionary(Mapping(members))
    }
  }

  /// How many levels of containers there are in it.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let mapping): mapping.depth
    case .iterable(let iterable): iterable.depth
    case .loop(let loop): loop.depth
    case .method(let method): method.receiver.depth + 1
    // A namespace is kept by the renderer until the end, so chains of them never unwind recursively.
    case .undefined, .none, .bool, .integer, .longInteger, .double, .string, .markup, .namespace, .builtin, .macro: 0
    }
  }

  static func depth(over items: some Sequence<Value>) throws(TemplateError) -> Int {
    var depth = 0
    for item in items { depth = max(depth, item.depth) }
    guard depth < Limit.valueDepth else {
      throw TemplateError(.limit, "lists are nested more than \(Limit.valueDepth) levels deep")
    }
    return depth + 1
  }

  /// The text of a string, marked safe or not.
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  /// Whether it is a string that was marked safe.
  var isMarkup: Bool {
    if case .markup = self { true } else { false }
  }

  /// Python's name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer, .longInteger: "int"
    case .double: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .iterable(let iterable): iterable.kind.typeName
    case .namespace: "Namespace"
    case .loop: "LoopContext"
    case .builtin: "function"
    case .method: "builtin_function_or_method"
    case .macro: "Macro"
    }
  }

  /// The name of a value in Jinja's messages about a missing attribute.
  var objectName: String {
    if case .none = self { "None" } else { typeName + " object" }
  }
}

/// The error message of a missing value.
final class Undefined: Sendable {
  let message: String
  let reason: TemplateError.Reason

  init(_ message: String, reason: TemplateError.Reason = .undefined) {
    self.message = message
    self.reason = reason
  }

  var error: TemplateError { TemplateError(reason, message) }
}
