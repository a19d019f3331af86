import OrderedCollections
import OrderedJSON

/// The items of a list or tuple. JSON is converted on first use, so a list of tools that only `tojson` prints is never
/// converted.
final class List {
  private(set) lazy var items: [Value] = json.map(Value.init)
  let depth: Int
  /// See `Value.weight`.
  private(set) lazy var weight: Int = JSON.array(json).weight
  private let json: [JSON]
  let isJSON: Bool

  init(_ items: [Value]) throws(TemplateError) {
    depth = try Value.depth(over: items)
    json = []
    isJSON = false
    self.items = items
    weight = try Value.weight(over: items)
  }

  init(_ elements: [JSON]) {
    depth = JSON.maximumDepth
    json = elements
    isJSON = true
  }

  var count: Int { isJSON ? json.count : items.count }

  /// The elements as JSON; nil for a list made by the template.
  var source: [JSON]? { isJSON ? json : nil }
}

/// The members of a dictionary, in order.
final class Mapping {
  private(set) lazy var members: OrderedDictionary<Value, Value> = OrderedDictionary(
    uncheckedUniqueKeys: json.keys.lazy.map { .string($0) }, values: json.values.lazy.map(Value.init))
  let depth: Int
  /// See `Value.weight`.
  private(set) lazy var weight: Int = JSON.object(json).weight
  private let json: JSON.Object
  private let isJSON: Bool

  init(_ members: OrderedDictionary<Value, Value>) throws(TemplateError) {
    depth = try Value.depth(over: members.values)
    json = [:]
    isJSON = false
    self.members = members
    weight = try Value.weight(over: members.values) + Value.weight(over: members.keys)
  }

  init(_ members: JSON.Object) {
    depth = JSON.maximumDepth
    json = members
    isJSON = true
  }

  var count: Int { isJSON ? json.count : members.count }

  /// The members as JSON; nil for a dictionary made by the template.
  var source: JSON.Object? { isJSON ? json : nil }

  subscript(key: Value) -> Value? { members[key] }

  subscript(key: String) -> Value? {
    if isJSON { return json[key].map(Value.init) }
    return members[.string(key)]
  }
}

/// An iterable that is not a list: ranges, views of dictionaries, and generators, which iteration uses up.
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
  /// See `Value.weight`.
  let weight: Int

  init(_ kind: Kind, _ items: [Value]) throws(TemplateError) {
    self.kind = kind
    self.items = items
    depth = try Value.depth(over: items)
    weight = try Value.weight(over: items)
  }

  /// Whether it can be iterated only once, and has neither a length nor a subscript.
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

extension Namespace {
  /// As `transformers` does, refuses names that start with an underscore.
  static func check(_ name: String) throws(TemplateError) {
    guard !name.utf8.starts(with: "_".utf8) else {
      throw TemplateError(
        .forbidden, "chat templates cannot store underscore-prefixed attributes on a namespace, but got '\(name)'")
    }
  }
}
