import OrderedCollections
import OrderedJSON

/// A name looked up once, when the template is read, among the methods of every type that has some.
struct MethodName: Sendable {
  let name: String
  let ofString: StringMethod?
  let ofDictionary: DictionaryMethod?
  let ofList: ListMethod?

  init(_ name: String) {
    self.name = name
    ofString = StringMethod.all[name]
    ofDictionary = DictionaryMethod(rawValue: name)
    ofList = ListMethod(rawValue: name)
  }

  /// Whether a value of this type has the method, and whether the sandbox lets it be called.
  func presence(in value: Value) -> Presence {
    switch value {
    case .string, .markup: ofString == nil ? .absent : .callable
    case .dictionary: ofDictionary.map { $0.isMutating ? .forbidden : .callable } ?? .absent
    case .list: ofList.map { $0.isMutating ? .forbidden : .callable } ?? .absent
    case .tuple: ofList == .index || ofList == .count ? .callable : .absent
    default: .absent
    }
  }

  enum Presence {
    case absent, callable, forbidden
  }

  /// Calls the method; `value` must have it.
  func call(on value: Value, _ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> Value {
    switch value {
    case .string(let text):
      if let ofString { return try ofString.call(name, text, arguments, renderer) }
    case .markup(let text):
      if let ofString { return try ofString.call(name, text, arguments, renderer).safe() }
    case .dictionary(let mapping):
      for argument in arguments.positional where argument.isContainer { try renderer.spend(argument.weight) }
      if let ofDictionary, ofDictionary != .get, ofDictionary != .copy { try renderer.spend(value.breadth) }
      if let ofDictionary { return try ofDictionary.call(mapping, arguments) }
    case .list(let list), .tuple(let list):
      if ofList == .index || ofList == .count, let sought = arguments.positional.first ?? arguments.named.first?.value {
        try renderer.spend(on: .isIn, sought, value)
      }
      if let ofList { return try ofList.call(list, arguments) }
    case .loop(let loop):
      if name == "cycle" { return try loop.cycle(arguments.positional) }
      for argument in arguments.positional { try renderer.spend(argument.weight) }
      if name == "changed" { return loop.changed(arguments.positional) }
    default: break
    }
    throw .runtime("'\(value.objectName)' has no method '\(name)'")
  }
}

extension Value {
  /// Strings in it marked safe, as the methods of safe strings do.
  fileprivate func safe() throws(TemplateError) -> Value {
    switch self {
    case .string(let text): return .markup(text)
    case .list(let list):
      var items: [Value] = []
      for item in list.items { items.append(try item.safe()) }
      return try .list(items)
    default: return self
    }
  }
}

/// The methods of `dict`.
enum DictionaryMethod: String {
  case get, items, keys, values, copy
  case clear, pop, popitem, setdefault, update

  /// Whether it would change the dictionary, which the sandbox forbids.
  var isMutating: Bool {
    switch self {
    case .get, .items, .keys, .values, .copy: false
    case .clear, .pop, .popitem, .setdefault, .update: true
    }
  }

  func call(_ mapping: Mapping, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch self {
    case .get:
      let bound = try Signature("key", "default", required: 1).bind(arguments, to: rawValue)
      let key = try bound.value(0)
      guard key.isHashable else { throw .runtime("unhashable type: '\(key.typeName)'") }
      return mapping[key] ?? bound[1] ?? .none
    case .items:
      _ = try Signature().bind(arguments, to: rawValue)
      return .iterable(try Iterable(.items, mapping.pairs()))
    case .keys:
      _ = try Signature().bind(arguments, to: rawValue)
      return .iterable(try Iterable(.keys, Array(mapping.members.keys)))
    case .values:
      _ = try Signature().bind(arguments, to: rawValue)
      return .iterable(try Iterable(.values, Array(mapping.members.values)))
    case .copy: return .dictionary(mapping)
    case .clear, .pop, .popitem, .setdefault, .update:
      throw TemplateError(.forbidden, "access to attribute '\(rawValue)' of 'dict' object is unsafe.")
    }
  }
}

extension Mapping {
  /// Tuples of key and value.
  func pairs() throws(TemplateError) -> [Value] {
    var pairs: [Value] = []
    pairs.reserveCapacity(count)
    for (key, value) in members { pairs.append(try .tuple([key, value])) }
    return pairs
  }
}

/// The methods of `list`; those of `tuple` are `index` and `count`.
enum ListMethod: String {
  case index, count, copy
  case append, clear, pop, reverse, insert, sort, extend, remove

  /// Whether it would change the list, which the sandbox forbids.
  var isMutating: Bool {
    switch self {
    case .index, .count, .copy: false
    default: true
    }
  }

  func call(_ list: List, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch self {
    case .index:
      let bound = try Signature("value", required: 1).bind(arguments, to: rawValue)
      let value = try bound.value(0)
      guard let index = list.items.firstIndex(of: value) else {
        throw .runtime("\(try value.represented()) is not in list")
      }
      return .integer(index)
    case .count:
      let value = try Signature("value", required: 1).bind(arguments, to: rawValue).value(0)
      return .integer(list.items.count { $0 == value })
    case .copy: return .list(list)
    default:
      throw TemplateError(.forbidden, "access to attribute '\(rawValue)' of 'list' object is unsafe.")
    }
  }
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
