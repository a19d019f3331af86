import OrderedJSON

extension Value {
  /// Python's `str`: what `{{ … }}` prints.
  func printed() throws(TemplateError) -> String {
    switch self {
    case .undefined: ""
    case .string(let text), .markup(let text): text
    default: try represented()
    }
  }

  /// Python's `repr`.
  func represented() throws(TemplateError) -> String {
    var output = ""
    try represent(into: &output, level: 0)
    return output
  }

  private func represent(into output: inout String, level: Int) throws(TemplateError) {
    // Only a namespace can contain itself.
    guard level <= Limit.valueDepth else { throw TemplateError(.limit, "the printed value is nested too deeply") }
    switch self {
    case .undefined: output += "Undefined"
    case .none: output += "None"
    case .bool(let value): output += value ? "True" : "False"
    case .integer(let value): output += String(value)
    case .longInteger(let value): output += value.description
    case .double(let value): output += JSON.pythonRepr(value)
    case .string(let text): output += text.quoted
    case .markup(let text): output += "Markup(" + text.quoted + ")"
    case .list(let list):
      output += "["
      try Value.represent(list.items, into: &output, level: level)
      output += "]"
    case .tuple(let list):
      output += "("
      try Value.represent(list.items, into: &output, level: level)
      output += list.count == 1 ? ",)" : ")"
    case .dictionary(let mapping):
      try Value.represent(mapping.members.lazy.map { ($0.key, $0.value) }, into: &output, level: level)
    case .iterable(let iterable):
      switch iterable.kind {
      case .range(let description): output += description
      case .generator, .reversed: output += "<\(iterable.kind.typeName) object>"
      case .keys, .values, .items:
        output += iterable.kind.typeName + "(["
        try Value.represent(iterable.remaining, into: &output, level: level)
        output += "])"
      }
    case .namespace(let namespace):
      output += "<Namespace "
      try Value.represent(
        namespace.attributes.lazy.map { (.string($0.key), $0.value) }, into: &output, level: level)
      output += ">"
    case .loop(let loop): output += "<LoopContext \(loop.index0 + 1)/\(try loop.length())>"
    case .builtin(let builtin): output += "<function \(builtin.rawValue)>"
    case .method(let method): output += "<built-in method \(method.name.name) of \(method.receiver.typeName) object>"
    case .macro(let macro): output += "<Macro \(macro.definition.name?.quoted ?? "anonymous")>"
    }
  }

  private static func represent(_ items: [Value], into output: inout String, level: Int) throws(TemplateError) {
    var isFirst = true
    for item in items {
      if !isFirst { output += ", " }
      isFirst = false
      try item.represent(into: &output, level: level + 1)
    }
  }

  private static func represent(
    _ members: some Sequence<(Value, Value)>, into output: inout String, level: Int
  ) throws(TemplateError) {
    output += "{"
    var isFirst = true
    for (key, value) in members {
      if !isFirst { output += ", " }
      isFirst = false
      try key.represent(into: &output, level: level + 1)
      output += ": "
      try value.represent(into: &output, level: level + 1)
    }
    output += "}"
  }

  /// The value as JSON, for `tojson`; refuses what Python's `json.dumps` refuses.
  func json() throws(TemplateError) -> JSON {
    switch self {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .longInteger(let value): return .longInteger(value)
    case .double(let value): return .number(value)
    case .string(let text), .markup(let text): return .string(text)
    case .list(let list), .tuple(let list):
      if let source = list.source { return .array(source) }
      var elements: [JSON] = []
      for item in list.items { elements.append(try item.json()) }
      return .array(elements)
    case .dictionary(let mapping):
      if let source = mapping.source { return .object(source) }
      var object = JSON.object([:]).object ?? [:]
      for (key, value) in mapping.members { object[try key.jsonKey()] = try value.json() }
      return .object(object)
    default:
      throw .runtime("Object of type \(typeName) is not JSON serializable")
    }
  }

  private func jsonKey() throws(TemplateError) -> String {
    switch self {
    case .string(let text), .markup(let text): return text
    case .none, .bool, .integer, .longInteger, .double: return try json().serialized()
    default: throw .runtime("keys must be str, int, float, bool or None, not \(typeName)")
    }
  }
}

extension String {
  /// The string as Python's `repr` writes it.
  var quoted: String {
    let quote: Unicode.Scalar = utf8.contains(0x27) && !utf8.contains(0x22) ? "\"" : "'"
    var output = String.UnicodeScalarView()
    output.append(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case quote, "\\":
        output.append("\\")
        output.append(scalar)
      case "\n": output.append(contentsOf: "\\n".unicodeScalars)
      case "\r": output.append(contentsOf: "\\r".unicodeScalars)
      case "\t": output.append(contentsOf: "\\t".unicodeScalars)
      case _ where scalar.isPythonPrintable: output.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        output.append(
          contentsOf: "\\\(letter)\(String(repeating: "0", count: width - digits.count))\(digits)".unicodeScalars)
      }
    }
    output.append(quote)
    return String(output)
  }
}
