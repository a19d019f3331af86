/// A running loop: its items, and what `loop.…` tells about it. With a filter (`for … if …`) the next item is looked
/// for when it is needed, since the body may change what the filter depends on.
final class Loop {
  private var items: [Value]
  private var position = 0
  private var passes: ((Value) throws(TemplateError) -> Bool)?
  private var peeked: Value?
  private var previous: Value?
  private var current: Value?
  private var lastChanged: [Value]?
  private(set) var index0 = -1
  let depth: Int

  init(_ items: [Value], if passes: ((Value) throws(TemplateError) -> Bool)?) throws(TemplateError) {
    self.items = items
    self.passes = passes
    depth = try Value.depth(over: items)
  }

  /// Moves to the next item.
  func advance() throws(TemplateError) -> Value? {
    guard let next = try peek() else { return nil }
    peeked = nil
    index0 += 1
    previous = current
    current = next
    return next
  }

  /// The item after the current one.
  private func peek() throws(TemplateError) -> Value? {
    if let peeked { return peeked }
    while position < items.count {
      let item = items[position]
      position += 1
      if try passes?(item) ?? true {
        peeked = item
        return item
      }
    }
    return nil
  }

  /// The number of items that pass; looks at all that are left.
  func length() throws(TemplateError) -> Int {
    if let passes {
      var left: [Value] = []
      for item in items[position...] where try passes(item) { left.append(item) }
      items = left
      position = 0
      self.passes = nil
    }
    return index0 + 1 + (peeked == nil ? 0 : 1) + items.count - position
  }

  /// The items that are left, for a template that loops over `loop` itself.
  func rest() throws(TemplateError) -> [Value] {
    var rest: [Value] = []
    while let item = try advance() { rest.append(item) }
    return rest
  }

  /// `loop.name`; nil for a name it does not have.
  func attribute(_ name: String) throws(TemplateError) -> Value? {
    switch name {
    case "index": return .integer(index0 + 1)
    case "index0": return .integer(index0)
    case "revindex": return .integer(try length() - index0)
    case "revindex0": return .integer(try length() - index0 - 1)
    case "first": return .bool(index0 == 0)
    case "last": return .bool(try peek() == nil)
    case "length": return .integer(try length())
    case "previtem": return previous ?? .undefined("there is no previous item")
    case "nextitem": return try peek() ?? .undefined("there is no next item")
    case "depth": return .integer(1)
    case "depth0": return .integer(0)
    case "cycle", "changed": return .method(BoundMethod(receiver: .loop(self), name: MethodName(name)))
    default: return nil
    }
  }

  func cycle(_ values: [Value]) throws(TemplateError) -> Value {
    guard !values.isEmpty else { throw .runtime("no items for cycling given") }
    return values[index0 % values.count]
  }

  func changed(_ values: [Value]) -> Value {
    defer { lastChanged = values }
    return .bool(lastChanged != values)
  }
}
