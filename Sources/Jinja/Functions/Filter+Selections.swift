extension Filter {
  static let ofSelections: [String: Filter] = [
    "default": filter("default_value", "boolean") { (value, arguments, _) throws(TemplateError) in
      if case .undefined = value { return arguments[0] ?? .string("") }
      return arguments.flag(1) && !value.isTrue ? arguments[0] ?? .string("") : value
    },
    "attr": filter("name", required: 1) { (value, arguments, _) throws(TemplateError) in
      // Attributes only, no members: those of a dictionary are its methods.
      let name = try arguments.requiredText(0)
      if case .dictionary = value, DictionaryMethod(rawValue: name) == nil {
        return .undefined("'dict object' has no attribute '\(name)'")
      }
      return try value.attribute(MethodName(name))
    },
    "map": open { (value, arguments, renderer) throws(TemplateError) in
      .iterable(try Iterable(.generator, try map(value, arguments, renderer)))
    },
    "select": selection(isAttribute: false, keeps: true),
    "reject": selection(isAttribute: false, keeps: false),
    "selectattr": selection(isAttribute: true, keeps: true),
    "rejectattr": selection(isAttribute: true, keeps: false),
  ]

  private static func map(
    _ value: Value, _ arguments: Arguments, _ renderer: Renderer
  ) throws(TemplateError) -> [Value] {
    guard value.isTrue else { return [] }
    var result: [Value] = []
    if let first = arguments.positional.first {
      guard let name = first.text else { throw .runtime("map expects a filter's name") }
      guard let filter = Filter.all[name] else { throw .runtime("No filter named '\(name)'.") }
      let rest = Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      for item in try value.iterated() {
        try renderer.spend(16)
        result.append(try filter.call(name, item, rest, renderer))
      }
      return result
    }
    let bound = try Signature(["attribute", "default"], required: 0).bind(arguments, to: "map")
    guard let attribute = bound[0] else { throw .runtime("map requires a filter argument") }
    let path = AttributePath(attribute)
    let standard: Value? = if let given = bound[1], given != .none { given } else { nil }
    for item in try value.iterated() {
      try renderer.spend(16)
      result.append(try path.value(of: item, default: standard))
    }
    return result
  }

  /// `select`, `reject`, `selectattr` and `rejectattr`: keeps or drops the items for which a test holds.
  private static func selection(isAttribute: Bool, keeps: Bool) -> Filter {
    open { (value, arguments, renderer) throws(TemplateError) in
      guard value.isTrue else { return .iterable(try Iterable(.generator, [])) }
      var positional = arguments.positional[...]
      var path: AttributePath?
      if isAttribute {
        guard let attribute = positional.popFirst() else { throw .runtime("Missing parameter for attribute name") }
        path = AttributePath(attribute)
      }
      var named: (name: String, test: Test)?
      if let first = positional.popFirst() {
        guard let name = first.text else { throw .runtime("expected a test's name") }
        guard let test = Test.all[name] else { throw .runtime("No test named '\(name)'.") }
        named = (name, test)
      }
      let rest = Arguments(positional: Array(positional), named: arguments.named)
      var result: [Value] = []
      for item in try value.iterated() {
        try renderer.spend(16)
        let subject = try path?.value(of: item) ?? item
        let holds = try named.map { (named) throws(TemplateError) in
          try named.test.call(named.name, subject, rest, renderer)
        }
        if (holds ?? subject.isTrue) == keeps { result.append(item) }
      }
      return .iterable(try Iterable(.generator, result))
    }
  }
}
