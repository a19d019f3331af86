import OrderedJSON

/// What operations on values cost, in the unit of `Limit.work`: bytes written or copied, or so.
///
/// A template can make lists that share parts, `{% set a = [a, a] %}` again and again, and are small in memory; printing or
/// comparing one walks it as often as it is reached. So every list knows its weight, the size of that walk, and
/// `Value.weight(over:)` refuses one that nothing could walk.
extension Value {
  /// What it costs to walk over the value with everything in it.
  var weight: Int {
    switch self {
    case .string(let text), .markup(let text): 16 + text.utf8.count
    case .list(let list), .tuple(let list): list.weight
    case .dictionary(let mapping): mapping.weight
    case .iterable(let iterable): iterable.weight
    case .method(let method): 16 + method.receiver.weight
    default: 16
    }
  }

  /// What it costs to walk over its items, or the bytes of its text, without looking into them.
  var breadth: Int {
    switch self {
    case .string(let text), .markup(let text): text.utf8.count
    case .list(let list), .tuple(let list): list.count * 16
    case .dictionary(let mapping): mapping.count * 32
    case .iterable(let iterable): iterable.remaining.count * 16
    default: 0
    }
  }

  /// Whether it holds other values.
  var isContainer: Bool {
    switch self {
    case .list, .tuple, .dictionary, .iterable, .method: true
    default: false
    }
  }

  /// The weight of a container of these items.
  ///
  /// - Throws: `TemplateError` of the reason `limit` for one that could never be printed
  static func weight(over items: some Sequence<Value>) throws(TemplateError) -> Int {
    var sum = 16
    for item in items {
      sum += item.weight
      guard sum <= Limit.work else {
        throw TemplateError(.limit, "a list would have more than \(Limit.work >> 20) MB when it is printed")
      }
    }
    return sum
  }
}

extension JSON {
  /// What it costs to walk over it.
  var weight: Int {
    switch self {
    case .string(let text): 16 + text.utf8.count
    case .array(let elements): elements.reduce(16) { $0 + $1.weight }
    case .object(let members): members.reduce(16) { $0 + 16 + $1.key.utf8.count + $1.value.weight }
    default: 16
    }
  }
}

extension Renderer {
  /// Counts a comparison: it ends at the first difference, at the latest where the smaller one ends.
  func spendComparing(_ a: Value, _ b: Value) throws(TemplateError) {
    if a.isContainer, b.isContainer {
      try spend(min(a.weight, b.weight))
    } else if let a = a.text, let b = b.text {
      try spend(min(a.utf8.count, b.utf8.count) / 16)
    }
  }

  /// Counts what a comparison of any kind costs.
  func spend(on operation: Comparison.Operator, _ a: Value, _ b: Value) throws(TemplateError) {
    switch operation {
    case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: try spendComparing(a, b)
    case .isIn, .notIn:
      switch b {
      case .list(let list), .tuple(let list):
        try spend(list.count * 16)
        for item in list.items { try spendComparing(a, item) }
      case .iterable(let iterable):
        try spend(iterable.remaining.count * 16)
        for item in iterable.remaining { try spendComparing(a, item) }
      case .string(let text), .markup(let text): try spendSearching(a, in: text)
      default: try spend(a.isContainer ? a.weight : 0)
      }
    }
  }

  /// Counts a search: at each place where the first byte stands, the others are compared.
  func spendSearching(_ part: Value, in text: String) throws(TemplateError) {
    guard let part = part.text else { return try spend(text.utf8.count) }
    let places = max(0, text.utf8.count - part.utf8.count)
    let (compared, overflow) = places.multipliedReportingOverflow(by: part.utf8.count / 16)
    try spend(text.utf8.count + (overflow ? Limit.work : compared))
  }
}
