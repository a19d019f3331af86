import OrderedCollections
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

  /// A value that is not there, with the message for whoever uses it.
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

  /// How Jinja calls a value in its messages about what it lacks.
  var objectName: String {
    if case .none = self { "None" } else { typeName + " object" }
  }
}

/// The message of a value that is not there.
final class Undefined: Sendable {
  let message: String
  let reason: TemplateError.Reason

  init(_ message: String, reason: TemplateError.Reason = .undefined) {
    self.message = message
    self.reason = reason
  }

  var error: TemplateError { TemplateError(reason, message) }
}

/// The items of a list or tuple. What came from JSON is converted when it is first looked at: a list of tools that is
/// only written out by `tojson` never is.
final class List {
  private(set) lazy var items: [Value] = json.map(Value.init)
  let depth: Int
  private let json: [JSON]
  let isJSON: Bool

  init(_ items: [Value]) throws(TemplateError) {
    depth = try Value.depth(over: items)
    json = []
    isJSON = false
    self.items = items
  }

  init(_ elements: [JSON]) {
    depth = JSON.maximumDepth
    json = elements
    isJSON = true
  }

  var count: Int { isJSON ? json.count : items.count }

  /// The elements as they came.
  var source: [JSON]? { isJSON ? json : nil }
}

/// The members of a dictionary, in order.
final class Mapping {
  private(set) lazy var members: OrderedDictionary<Value, Value> = OrderedDictionary(
    uncheckedUniqueKeys: json.keys.lazy.map { .string($0) }, values: json.values.lazy.map(Value.init))
  let depth: Int
  private let json: JSON.Object
  private let isJSON: Bool

  init(_ members: OrderedDictionary<Value, Value>) throws(TemplateError) {
    depth = try Value.depth(over: members.values)
    json = [:]
    isJSON = false
    self.members = members
  }

  init(_ members: JSON.Object) {
    depth = JSON.maximumDepth
    json = members
    isJSON = true
  }

  var count: Int { isJSON ? json.count : members.count }

  /// The members as they came.
  var source: JSON.Object? { isJSON ? json : nil }

  subscript(key: Value) -> Value? { members[key] }

  subscript(key: String) -> Value? {
    if isJSON { return json[key].map(Value.init) }
    return members[.string(key)]
  }
}

/// What can be iterated but is no list: ranges, a dictionary's views, and generators, which are used up by it.
final class Iterable {
  enum Kind: Equatable {
    case range(description: String)
    case keys, values, items
    case generator, reversed

    var typeName: String {
      switch self {
      case .range: "range"
      case .keys: "dict_keys"
      case .values: "dict_values"
      case .items: "dict_items"
      case .generator: "generator"
      case .reversed: "list_reverseiterator"
      }
    }
  }

  let kind: Kind
  private var items: [Value]
  let depth: Int

  init(_ kind: Kind, _ items: [Value]) throws(TemplateError) {
    self.kind = kind
    self.items = items
    depth = try Value.depth(over: items)
  }

  /// Whether it can be iterated once only, and has neither a length nor elements by number.
  var isOneShot: Bool { kind == .generator || kind == .reversed }

  /// The items that are left, without using them up.
  var remaining: [Value] { items }

  /// The items that are left; a generator has none afterwards.
  func take() -> [Value] {
    guard isOneShot else { return items }
    defer { items = [] }
    return items
  }

  /// The next item of a generator, or the first of anything else.
  func next() -> Value? {
    guard isOneShot else { return items.first }
    return items.isEmpty ? nil : items.removeFirst()
  }
}

/// The one kind of object that a template may change.
final class Namespace {
  var attributes: TextDictionary<Value> = [:]
}

/// A method taken from its object without being called.
final class BoundMethod {
  let receiver: Value
  let name: MethodName

  init(receiver: Value, name: MethodName) {
    self.receiver = receiver
    self.name = name
  }
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
