import OrderedCollections

extension Filter {
  static let ofSequences: [String: Filter] = [
    "length": filter { (value, _, _) throws(TemplateError) in
      guard let length = value.length else { throw .runtime("object of type '\(value.typeName)' has no len()") }
      return .integer(length)
    },
    "list": filter { (value, _, renderer) throws(TemplateError) in
      let items = try value.iterated()
      try renderer.spend(items.count * 16)
      return try .list(items)
    },
    "first": filter { (value, _, _) throws(TemplateError) in
      if case .iterable(let iterable) = value {
        return iterable.next() ?? .undefined("No first item, sequence was empty.")
      }
      return try value.iterated().first ?? .undefined("No first item, sequence was empty.")
    },
    "last": filter { (value, _, _) throws(TemplateError) in
      if case .iterable(let iterable) = value, iterable.isOneShot {
        throw .runtime("'\(value.typeName)' object is not reversible")
      }
      return try value.iterated().last ?? .undefined("No last item, sequence was empty.")
    },
    "reverse": filter { (value, _, _) throws(TemplateError) in
      let items: [Value] = try value.iterated().reversed()
      switch value {
      case .string(let text): return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      case .markup(let text): return .markup(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      case .iterable(let iterable) where iterable.isOneShot: return try .list(items)
      default: return .iterable(try Iterable(.reversed, items))
      }
    },
    "join": filter("d", "attribute") { (value, arguments, renderer) throws(TemplateError) in
      let items = try mapped(try value.iterated(), arguments[1], renderer)
      return try joined(items, with: arguments[0] ?? .string(""), renderer)
    },
    "items": filter { (value, _, _) throws(TemplateError) in
      switch value {
      case .undefined: return .iterable(try Iterable(.generator, []))
      case .dictionary(let mapping): return .iterable(try Iterable(.generator, mapping.pairs()))
      default: throw .runtime("Can only get item pairs from a mapping.")
      }
    },
    "dictsort": filter("case_sensitive", "by", "reverse") { (value, arguments, _) throws(TemplateError) in
      guard case .dictionary(let mapping) = value else {
        if case .undefined(let undefined) = value { throw undefined.error }
        throw .runtime("the filter 'dictsort' expects a mapping, found a value of type \(value.typeName)")
      }
      let by = try arguments.text(1) ?? "key"
      guard by == "key" || by == "value" else { throw .runtime("You can only sort by either \"key\" or \"value\"") }
      let keys = by == "key" ? Array(mapping.members.keys) : Array(mapping.members.values)
      return try .list(
        sorted(
          mapping.pairs(), by: arguments.flag(0) ? keys : keys.map(\.withoutCase), isReversed: arguments.flag(2)))
    },
    "sort": filter("reverse", "case_sensitive", "attribute") { (value, arguments, renderer) throws(TemplateError) in
      let items = try value.iterated()
      var keys: [Value] = []
      for item in items {
        // Several attributes, separated by commas, sort by the first that differs.
        var key: [Value] = []
        let paths = arguments[2]?.text?.parts(separatedBy: ",").map { Value.string($0) } ?? [arguments[2] ?? .none]
        for path in paths {
          let part = try AttributePath(path).value(of: item)
          key.append(arguments.flag(1) ? part : part.withoutCase)
        }
        keys.append(try .list(key))
      }
      try renderer.spend(items.count * 64)
      return try .list(sorted(items, by: keys, isReversed: arguments.flag(0)))
    },
    "unique": filter("case_sensitive", "attribute") { (value, arguments, renderer) throws(TemplateError) in
      let items = try value.iterated()
      var seen: Set<Value> = []
      var result: [Value] = []
      for (item, key) in zip(items, try mapped(items, arguments[1], renderer)) {
        let key = arguments.flag(0) ? key : key.withoutCase
        guard key.isHashable else { throw .runtime("unhashable type: '\(key.typeName)'") }
        if seen.insert(key).inserted { result.append(item) }
      }
      return .iterable(try Iterable(.generator, result))
    },
    "min": extreme("<"),
    "max": extreme(">"),
    "sum": filter("attribute", "start") { (value, arguments, renderer) throws(TemplateError) in
      var sum = arguments[1] ?? .integer(0)
      for item in try mapped(try value.iterated(), arguments[0], renderer) {
        if sum.text != nil { throw .runtime("sum() can't sum strings [use ''.join(seq) instead]") }
        sum = try Arithmetic.apply(.add, sum, item, renderer)
      }
      return sum
    },
    "batch": filter("linecount", "fill_with", required: 1) { (value, arguments, renderer) throws(TemplateError) in
      let count = try arguments.integer(0) ?? 0
      let items = try value.iterated()
      var batches: [Value] = []
      var batch: [Value] = []
      for item in items {
        if batch.count == count {
          batches.append(try .list(batch))
          batch = []
        }
        batch.append(item)
      }
      if !batch.isEmpty {
        if let fill = arguments[1], fill != .none, batch.count < count {
          try renderer.spend((count - batch.count) * 16)
          batch += repeatElement(fill, count: count - batch.count)
        }
        batches.append(try .list(batch))
      }
      return .iterable(try Iterable(.generator, batches))
    },
  ]

  private static func extreme(_ symbol: String) -> Filter {
    filter("case_sensitive", "attribute") { (value, arguments, renderer) throws(TemplateError) in
      let items = try value.iterated()
      let keys = try mapped(items, arguments[1], renderer)
      guard var best = items.first, var bestKey = keys.first.map({ arguments.flag(0) ? $0 : $0.withoutCase }) else {
        return .undefined("No aggregated item, sequence was empty.")
      }
      for (item, key) in zip(items, keys).dropFirst() {
        let key = arguments.flag(0) ? key : key.withoutCase
        guard let order = try key.order(bestKey, symbol) else { continue }
        if symbol == "<" ? order < 0 : order > 0 { (best, bestKey) = (item, key) }
      }
      return best
    }
  }

  /// The items, or an attribute of each.
  private static func mapped(
    _ items: [Value], _ attribute: Value?, _ renderer: Renderer
  ) throws(TemplateError) -> [Value] {
    guard let attribute, attribute != .none else { return items }
    let path = AttributePath(attribute)
    var result: [Value] = []
    for item in items { result.append(try path.value(of: item)) }
    return result
  }

  private static func joined(
    _ items: [Value], with separator: Value, _ renderer: Renderer
  ) throws(TemplateError) -> Value {
    // Without autoescape Jinja joins plain texts, safe ones included.
    let glue = try separator.printed()
    var output = ""
    var isFirst = true
    for item in items {
      if !isFirst { output += glue }
      isFirst = false
      let text = try item.printed()
      try renderer.spend(text.utf8.count + glue.utf8.count)
      output += text
    }
    return .string(output)
  }

  /// A stable sort by keys; comparing keys may fail, which Swift's own sort cannot pass on in typed form.
  private static func sorted(_ items: [Value], by keys: [Value], isReversed: Bool) throws(TemplateError) -> [Value] {
    var failure: TemplateError?
    let order = items.indices.sorted { a, b in
      do throws(TemplateError) {
        // Reversed, equal ones still keep their order.
        let comparison = try keys[a].order(keys[b], "<") ?? 0
        return comparison == 0 ? a < b : isReversed ? comparison > 0 : comparison < 0
      } catch {
        failure = failure ?? error
        return a < b
      }
    }
    if let failure { throw failure }
    return order.map { items[$0] }
  }
}

extension Value {
  /// Strings in lower case, for comparisons that ignore case; lists of keys likewise.
  fileprivate var withoutCase: Value {
    switch self {
    case .string(let text), .markup(let text): .string(text.lowercased())
    default: self
    }
  }
}

/// `a.b.0`: a path to an attribute of an attribute, as in `map(attribute=…)`.
struct AttributePath {
  private let parts: [Value]

  init(_ attribute: Value) {
    if let text = attribute.text {
      parts = text.parts(separatedBy: ".").map { part in Int(part).map { .integer($0) } ?? .string(part) }
    } else if case .none = attribute {
      parts = []
    } else {
      parts = [attribute]
    }
  }

  func value(of item: Value, default standard: Value? = nil) throws(TemplateError) -> Value {
    var value = item
    for part in parts {
      value = try value.item(part)
      if let standard, case .undefined = value { value = standard }
    }
    return value
  }
}
