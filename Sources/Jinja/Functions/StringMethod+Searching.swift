import OrderedJSON

extension StringMethod {
  // MARK: Searching and replacing

  static let searches: [String: StringMethod] = [
    "startswith": method("prefix", "start", "end", required: 1) { (text, arguments, _) throws(TemplateError) in
      .bool(try hasAffix(text, arguments) { $0.hasTextPrefix($1) })
    },
    "endswith": method("suffix", "start", "end", required: 1) { (text, arguments, _) throws(TemplateError) in
      .bool(try hasAffix(text, arguments) { $0.hasTextSuffix($1) })
    },
    "find": finding { .integer($0 ?? -1) },
    "rfind": finding(fromEnd: true) { .integer($0 ?? -1) },
    "index": finding { (place) throws(TemplateError) in
      guard let place else { throw .runtime("substring not found") }
      return .integer(place)
    },
    "rindex": finding(fromEnd: true) { (place) throws(TemplateError) in
      guard let place else { throw .runtime("substring not found") }
      return .integer(place)
    },
    "count": method("sub", "start", "end", required: 1) { (text, arguments, _) throws(TemplateError) in
      let part = try arguments.requiredText(0)
      guard let text = try window(text, arguments)?.text else { return .integer(0) }
      if part.isEmpty { return .integer(text.codePointCount + 1) }
      return .integer(text.parts(separatedBy: part).count - 1)
    },
    "replace": method("old", "new", "count", required: 2) { (text, arguments, renderer) throws(TemplateError) in
      .string(
        try text.replaced(
          try arguments.requiredText(0), with: try arguments.requiredText(1), count: try arguments.integer(2) ?? -1,
          renderer))
    },
  ]

  /// The part of the text between the parameters `start` and `end`, and the number of code points before it; nil when
  /// it would start after the end of the text, where Python finds nothing, not even an empty string.
  private static func window(_ text: String, _ arguments: Bound) throws(TemplateError) -> (text: String, start: Int)? {
    let start = try arguments.integer(1)
    let end = try arguments.integer(2)
    if start == nil, end == nil { return (text, 0) }
    let scalars = Array(text.unicodeScalars)
    func place(_ bound: Int) -> Int { max(bound < 0 ? bound + scalars.count : bound, 0) }
    let first = place(start ?? 0)
    let last = min(place(end ?? scalars.count), scalars.count)
    guard first <= last else { return nil }
    return (String(String.UnicodeScalarView(scalars[first..<last])), first)
  }

  private static func hasAffix(
    _ text: String, _ arguments: Bound, _ test: (String, String) -> Bool
  ) throws(TemplateError) -> Bool {
    guard let text = try window(text, arguments)?.text else { return false }
    if case .tuple(let list) = arguments[0] {
      for item in list.items {
        guard let affix = item.text else {
          throw .runtime("\(arguments.function)() expects strings in its tuple, found \(item.typeName)")
        }
        if test(text, affix) { return true }
      }
      return false
    }
    return test(text, try arguments.requiredText(0))
  }

  private static func finding(
    fromEnd: Bool = false, _ result: @escaping @Sendable (Int?) throws(TemplateError) -> Value
  ) -> StringMethod {
    method("sub", "start", "end", required: 1) { (text, arguments, _) throws(TemplateError) in
      let part = try arguments.requiredText(0)
      guard let (text, start) = try window(text, arguments) else { return try result(nil) }
      let offset = fromEnd ? text.findLast(part) : text.find(part)
      return try result(offset.map { text.bytes(0..<$0).codePointCount + start })
    }
  }

  // MARK: Splitting and joining

  static let splits: [String: StringMethod] = [
    "split": method("sep", "maxsplit") { (text, arguments, renderer) throws(TemplateError) in
      let count = try arguments.integer(1) ?? -1
      try renderer.spend(text.utf8.count)
      guard let separator = try arguments.text(0) else { return try strings(text.words(atMost: count)) }
      guard !separator.isEmpty else { throw .runtime("empty separator") }
      return try strings(text.parts(separatedBy: separator, atMost: count))
    },
    "rsplit": method("sep", "maxsplit") { (text, arguments, renderer) throws(TemplateError) in
      let count = try arguments.integer(1) ?? -1
      try renderer.spend(text.utf8.count)
      guard let separator = try arguments.text(0) else { return try strings(text.wordsFromEnd(atMost: count)) }
      guard !separator.isEmpty else { throw .runtime("empty separator") }
      return try strings(text.partsFromEnd(separatedBy: separator, atMost: count))
    },
    "splitlines": method("keepends") { (text, arguments, _) throws(TemplateError) in
      try strings(text.lines(keepingEnds: arguments.flag(0)))
    },
    "partition": method("sep", required: 1) { (text, arguments, _) throws(TemplateError) in
      let separator = try arguments.requiredText(0)
      guard !separator.isEmpty else { throw .runtime("empty separator") }
      return try partition(text, separator, at: text.find(separator), or: [text, "", ""])
    },
    "rpartition": method("sep", required: 1) { (text, arguments, _) throws(TemplateError) in
      let separator = try arguments.requiredText(0)
      guard !separator.isEmpty else { throw .runtime("empty separator") }
      return try partition(text, separator, at: text.findLast(separator), or: ["", "", text])
    },
    "join": method("iterable", required: 1) { (text, arguments, renderer) throws(TemplateError) in
      var parts: [String] = []
      for (index, item) in try arguments.value(0).iterated().enumerated() {
        guard let part = item.text else {
          throw .runtime("sequence item \(index): expected str instance, \(item.typeName) found")
        }
        try renderer.spend(part.utf8.count + text.utf8.count)
        parts.append(part)
      }
      return .string(parts.joined(separator: text))
    },
  ]

  private static func strings(_ parts: [String]) throws(TemplateError) -> Value {
    try .list(parts.map { .string($0) })
  }

  private static func partition(
    _ text: String, _ separator: String, at place: Int?, or otherwise: [String]
  ) throws(TemplateError) -> Value {
    guard let place else { return try .tuple(otherwise.map { .string($0) }) }
    let parts = [text.bytes(0..<place), separator, text.bytes(place + separator.utf8.count..<text.utf8.count)]
    return try .tuple(parts.map { .string($0) })
  }
}

extension String {
  /// `replacing`, counted as work before a long result is made.
  func replaced(
    _ old: String, with new: String, count: Int, _ renderer: Renderer
  ) throws(TemplateError) -> String {
    let places = old.utf8.isEmpty ? utf8.count + 1 : utf8.count / old.utf8.count
    let (size, overflow) = places.multipliedReportingOverflow(by: new.utf8.count)
    // The bound is far above the usual size of a result, so it only decides whether to look closer.
    if overflow || size > Limit.work / 1024 {
      let found = old.utf8.isEmpty ? places : parts(separatedBy: old).count
      let (size, overflow) = found.multipliedReportingOverflow(by: new.utf8.count)
      try renderer.spend(overflow ? Int.max : size)
    }
    try renderer.spend(utf8.count)
    return replacing(old, with: new, count: count)
  }

  /// Python's `rsplit` at white space.
  fileprivate func wordsFromEnd(atMost count: Int) -> [String] {
    let words = self.words()
    guard count >= 0, words.count > count else { return words }
    // The head keeps its inner white space: it is everything before the last `count` words.
    var head = stripped(left: false)
    for word in words.suffix(count).reversed() {
      head = head.bytes(0..<head.utf8.count - word.utf8.count).stripped(left: false)
    }
    return [head] + words.suffix(count)
  }
}
