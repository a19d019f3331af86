/// `a.name`: a method or attribute of the object, else its member of that name.
struct Attribute: Expression {
  let object: any Expression
  private let name: MethodName
  /// The commonest outcome of all, made once: a dictionary without this member.
  private let missing: Undefined

  init(_ object: any Expression, _ name: String) {
    self.object = object
    self.name = MethodName(name)
    missing = Undefined("'dict object' has no attribute '\(name)'")
  }

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try object.evaluate(renderer)
    if case .dictionary(let mapping) = value, name.ofDictionary == nil {
      return mapping[name.name] ?? .undefined(missing)
    }
    return try value.attribute(name)
  }
}

/// `a[index]`: the element or member, else the attribute of that name.
struct Subscript: Expression {
  let object: any Expression
  let index: any Expression

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try object.evaluate(renderer)
    let index = try index.evaluate(renderer)
    // A tuple may be a key; a character is counted off from the start of its text.
    if index.isContainer { try renderer.spend(index.weight) }
    if let text = value.text { try renderer.spend(text.utf8.count / 8) }
    return try value.item(index)
  }
}

extension Value {
  /// What Jinja's sandbox gives for `self.name`.
  func attribute(_ name: MethodName) throws(TemplateError) -> Value {
    if let attribute = try ownAttribute(name) { return attribute }
    if case .dictionary(let mapping) = self, let member = mapping[name.name] { return member }
    return .undefined("'\(objectName)' has no attribute '\(name.name)'")
  }

  /// Methods and attributes, without a dictionary's members.
  private func ownAttribute(_ name: MethodName) throws(TemplateError) -> Value? {
    switch self {
    case .undefined(let undefined): throw undefined.error
    case .namespace(let namespace): return namespace.attributes[name.name]
    case .loop(let loop): return try loop.attribute(name.name)
    case .macro(let macro): return try macro.attribute(name.name)
    default: break
    }
    switch name.presence(in: self) {
    case .absent: return nil
    case .callable: return .method(BoundMethod(receiver: self, name: name))
    case .forbidden:
      return .undefined(
        Undefined("access to attribute '\(name.name)' of '\(typeName)' object is unsafe.", reason: .forbidden))
    }
  }

  /// What Jinja's sandbox gives for `self[index]`.
  func item(_ index: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = self { throw undefined.error }
    if case .dictionary(let mapping) = self, index.isHashable, let member = mapping[index] { return member }
    if let number = index.asInteger, let element = element(number) { return element }
    if let name = index.text {
      return try ownAttribute(MethodName(name)) ?? .undefined("'\(objectName)' has no attribute '\(name)'")
    }
    return .undefined("\(objectName) has no element \(try index.represented())")
  }

  /// The element of a string, list, tuple or range, counted from the end when negative.
  private func element(_ index: Int) -> Value? {
    let items: [Value]
    switch self {
    case .list(let list), .tuple(let list): items = list.items
    case .iterable(let iterable):
      guard case .range = iterable.kind else { return nil }
      items = iterable.remaining
    case .string(let text), .markup(let text):
      let scalars = text.unicodeScalars
      let place =
        index >= 0
        ? scalars.index(scalars.startIndex, offsetBy: index, limitedBy: scalars.endIndex)
        : scalars.index(scalars.endIndex, offsetBy: index, limitedBy: scalars.startIndex)
      guard let place, place < scalars.endIndex else { return nil }
      return isMarkup ? .markup(String(scalars[place])) : .string(String(scalars[place]))
    default: return nil
    }
    let place = index < 0 ? items.count + index : index
    return items.indices.contains(place) ? items[place] : nil
  }
}

/// `a[start:stop:step]`.
struct Slice: Expression {
  let object: any Expression
  let start: (any Expression)?
  let stop: (any Expression)?
  let step: (any Expression)?

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try object.evaluate(renderer)
    let bounds = (try bound(start, renderer), try bound(stop, renderer), try bound(step, renderer) ?? 1)
    guard bounds.2 != 0 else { throw .runtime("slice step cannot be zero") }
    try renderer.spend(value.text == nil ? value.breadth / 2 : value.breadth)
    switch value {
    case .string(let text): return .string(Slice.slice(text, bounds))
    case .markup(let text): return .markup(Slice.slice(text, bounds))
    case .list(let list): return .list(try List(Slice.slice(list.items, bounds)))
    case .tuple(let list): return .tuple(try List(Slice.slice(list.items, bounds)))
    case .iterable(let iterable):
      guard case .range = iterable.kind else { break }
      return .list(try List(Slice.slice(iterable.remaining, bounds)))
    case .undefined(let undefined): throw undefined.error
    default: break
    }
    throw .runtime("'\(value.typeName)' object cannot be sliced")
  }

  private func bound(_ expression: (any Expression)?, _ renderer: Renderer) throws(TemplateError) -> Int? {
    guard let value = try expression?.evaluate(renderer) else { return nil }
    if case .none = value { return nil }
    if let integer = value.asInteger { return integer }
    if case .undefined(let undefined) = value { throw undefined.error }
    throw .runtime("slice indices must be integers or None, not \(value.typeName)")
  }

  private typealias Bounds = (start: Int?, stop: Int?, step: Int)

  private static func slice(_ text: String, _ bounds: Bounds) -> String {
    var output = String.UnicodeScalarView()
    output.append(contentsOf: slice(Array(text.unicodeScalars), bounds))
    return String(output)
  }

  /// Python's rule: bounds beyond the ends are moved to the ends.
  private static func slice<T>(_ items: [T], _ bounds: Bounds) -> [T] {
    let (start, stop, step) = bounds
    let count = items.count
    let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
    func place(_ bound: Int?, or end: Int) -> Int {
      guard let bound else { return end }
      return min(max(bound < 0 ? bound.addingReportingOverflow(count).partialValue : bound, low), high)
    }
    let first = place(start, or: step > 0 ? low : high)
    let last = place(stop, or: step > 0 ? high : low)
    if step == 1 { return first < last ? Array(items[first..<last]) : [] }
    var result: [T] = []
    var index = first
    while step > 0 ? index < last : index > last {
      result.append(items[index])
      let (next, overflow) = index.addingReportingOverflow(step)
      if overflow { break }
      index = next
    }
    return result
  }
}
