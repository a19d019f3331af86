/// A filter: what follows `|`.
struct Filter: Sendable {
  typealias Body = @Sendable (Value, Bound, Renderer) throws(TemplateError) -> Value
  typealias OpenBody = @Sendable (Value, Arguments, Renderer) throws(TemplateError) -> Value

  private enum Kind: Sendable {
    case bound(Signature, Body)
    /// Takes any arguments.
    case open(OpenBody)
  }

  private let kind: Kind

  static func filter(_ parameters: String..., required: Int = 0, _ body: @escaping Body) -> Filter {
    Filter(kind: .bound(Signature(parameters, required: required), body))
  }

  static func open(_ body: @escaping OpenBody) -> Filter { Filter(kind: .open(body)) }

  func call(_ name: String, _ value: Value, _ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> Value
  {
    switch kind {
    case .bound(let signature, let body): try body(value, try signature.bind(arguments, to: name), renderer)
    case .open(let body): try body(value, arguments, renderer)
    }
  }

  /// Every filter by name.
  static let all: [String: Filter] = {
    var all = ofTexts
    for group in [ofNumbers, ofSequences, ofSelections] { all.merge(group) { first, _ in first } }
    all["count"] = all["length"]
    all["d"] = all["default"]
    all["e"] = all["escape"]
    return all
  }()

  /// Filters that look at a list as a whole, whatever is in it.
  private static let quick: Set<String> = ["length", "count", "last", "default", "d", "items", "first"]
  /// Filters that pass over a list's items without looking into them.
  private static let broad: Set<String> = [
    "list", "reverse", "map", "select", "reject", "selectattr", "rejectattr", "batch", "sum", "dictsort",
  ]

  /// What a filter costs before it begins; what it writes is counted besides.
  static func cost(of name: String, on value: Value) -> Int {
    guard value.isContainer else { return value.breadth }
    if quick.contains(name) {
      if case .list = value { return 16 }
      return value.breadth
    }
    return broad.contains(name) ? value.breadth : value.weight
  }

  /// Filters of Jinja that are refused by name.
  static let unsupported: Set<String> = [
    "filesizeformat", "groupby", "pprint", "random", "slice", "striptags", "urlencode", "urlize", "wordcount",
    "wordwrap", "xmlattr",
  ]
}

/// `a | filter(…)`.
struct FilterExpression: Expression {
  let value: any Expression
  let name: String
  let filter: Filter
  let arguments: ArgumentList
  let line: Int

  func evaluate(_ renderer: Renderer) throws(TemplateError) -> Value {
    let value = try value.evaluate(renderer)
    let arguments = try arguments.evaluate(renderer)
    renderer.line = line
    try renderer.spend(Filter.cost(of: name, on: value))
    return try filter.call(name, value, arguments, renderer)
  }
}
