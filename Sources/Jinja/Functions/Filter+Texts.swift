import OrderedJSON

extension Filter {
  /// A filter that makes a text of the printed value; safe text stays safe.
  private static func text(_ change: @escaping @Sendable (String) -> String) -> Filter {
    filter { (value, _, _) throws(TemplateError) in
      let text = change(try value.printed())
      return value.isMarkup ? .markup(text) : .string(text)
    }
  }

  static let ofTexts: [String: Filter] = [
    "upper": text { $0.uppercased() },
    "lower": text { $0.lowercased() },
    "capitalize": text { $0.capitalizedText },
    "title": text { $0.titleWords },
    "trim": filter("chars") { (value, arguments, _) throws(TemplateError) in
      let text = try value.printed().stripped(of: try arguments.text(0))
      return value.isMarkup ? .markup(text) : .string(text)
    },
    "string": filter { (value, _, _) throws(TemplateError) in
      value.isMarkup ? value : .string(try value.printed())
    },
    "safe": filter { (value, _, _) throws(TemplateError) in .markup(try value.printed()) },
    "escape": filter { (value, _, _) throws(TemplateError) in
      value.isMarkup ? value : .markup(try value.printed().escapedHTML)
    },
    "forceescape": filter { (value, _, _) throws(TemplateError) in .markup(try value.printed().escapedHTML) },
    "replace": filter("old", "new", "count", required: 2) { (value, arguments, renderer) throws(TemplateError) in
      .string(
        try value.printed().replaced(
          try arguments.value(0).printed(), with: try arguments.value(1).printed(),
          count: try arguments.integer(2) ?? -1, renderer))
    },
    "center": filter("width") { (value, arguments, renderer) throws(TemplateError) in
      try MethodName("center").call(
        on: .string(try value.printed()), Arguments(positional: [.integer(try arguments.integer(0) ?? 80)]), renderer)
    },
    "indent": filter("width", "first", "blank") { (value, arguments, renderer) throws(TemplateError) in
      guard let text = value.text else {
        if case .undefined(let undefined) = value { throw undefined.error }
        throw .runtime("the filter 'indent' expects a string, found a value of type \(value.typeName)")
      }
      let indentation: String
      if let width = arguments[0]?.text {
        indentation = width
      } else {
        let width = try arguments.integer(0) ?? 4
        try renderer.spend(max(0, width))
        indentation = String(repeating: " ", count: max(0, width))
      }
      let lines = (text + "\n").lines()
      try renderer.spend(text.utf8.count + lines.count * indentation.utf8.count)
      let result = lines.indented(by: indentation, first: arguments.flag(1), blank: arguments.flag(2))
      return value.isMarkup ? .markup(result) : .string(result)
    },
    "truncate": filter("length", "killwords", "end", "leeway") { (value, arguments, _) throws(TemplateError) in
      let text = try value.printed()
      let length = try arguments.integer(0) ?? 255
      let end = try arguments.text(2) ?? "..."
      let kept = length - end.codePointCount
      guard kept >= 0 else { throw .runtime("expected length >= \(end.codePointCount), got \(length)") }
      if text.codePointCount <= length + (try arguments.integer(3) ?? 5) { return .string(text) }
      let cut = String(String.UnicodeScalarView(text.unicodeScalars.prefix(kept)))
      if arguments.flag(1) { return .string(cut + end) }
      return .string(cut.partsFromEnd(separatedBy: " ", atMost: 1)[0] + end)
    },
    "format": open { (value, arguments, renderer) throws(TemplateError) in
      let format = PercentFormat(try value.printed())
      if arguments.named.isEmpty { return .string(try format.apply(to: try .tuple(arguments.positional), renderer)) }
      guard arguments.positional.isEmpty else {
        throw .runtime("can't handle positional and keyword arguments at the same time")
      }
      let named = try Builtin.dict.call(Arguments(named: arguments.named), renderer)
      return .string(try format.apply(to: named, renderer))
    },
    // Not Jinja's own filter but that of `transformers`, which escapes nothing.
    "tojson": filter("ensure_ascii", "indent", "separators", "sort_keys") {
      (value, arguments, renderer) throws(TemplateError) in
      let text = try value.json().serialized(try writer(arguments))
      try renderer.spend(text.utf8.count)
      return .string(text)
    },
  ]

  private static func writer(_ arguments: Bound) throws(TemplateError) -> JSON.Writer {
    var writer = JSON.Writer(itemSeparator: ", ", keySeparator: ": ", indent: nil)
    writer.ensuresASCII = arguments.flag(0)
    writer.sortsKeys = arguments.flag(3)
    if let indent = arguments[1]?.text {
      writer.indent = indent
    } else if let width = try arguments.integer(1) {
      guard width <= 1000 else { throw .runtime("tojson: expected an indent of at most 1000, found \(width)") }
      writer.indent = String(repeating: " ", count: max(0, width))
    }
    if writer.indent != nil { writer.itemSeparator = "," }
    if let separators = arguments[2], separators != .none {
      let texts = try separators.iterated().map(\.text)
      guard texts.count == 2, let item = texts[0], let key = texts[1] else {
        throw .runtime("tojson: expected two strings as 'separators'")
      }
      writer.itemSeparator = item
      writer.keySeparator = key
    }
    return writer
  }
}

extension String {
  /// Jinja's `title`: words start after white space, hyphens and opening brackets.
  fileprivate var titleWords: String {
    var output = ""
    var startsWord = true
    for scalar in unicodeScalars {
      let separates = scalar.isPythonSpace || ["-", "(", "{", "[", "<"].contains(scalar)
      output += startsWord && !separates ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      startsWord = separates
    }
    return output
  }
}

extension [String] {
  /// Lines joined, with an indentation before all but the first and the empty ones.
  fileprivate func indented(by indentation: String, first: Bool, blank: Bool) -> String {
    var output = ""
    for (index, line) in enumerated() {
      if index > 0 {
        output += "\n"
        if blank || !line.isEmpty { output += indentation }
      } else if first {
        output += indentation
      }
      output += line
    }
    return output
  }
}
