import OrderedJSON

/// `format.format(…)`, as Python's strings do it: `{}`, `{0}`, `{name}`, `{a.b[c]}`, `!s`, `!r` and format specifications.
struct BraceFormat {
  private let scalars: [Unicode.Scalar]

  init(_ format: String) { scalars = Array(format.unicodeScalars) }

  func apply(_ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> String {
    var output = String.UnicodeScalarView()
    var position = 0
    var automatic = 0
    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      guard scalar == "{" || scalar == "}" else {
        output.append(scalar)
        continue
      }
      if position < scalars.count, scalars[position] == scalar {
        output.append(scalar)
        position += 1
        continue
      }
      guard scalar == "{" else { throw .runtime("Single '}' encountered in format string") }
      guard let end = scalars[position...].firstIndex(of: "}") else {
        throw .runtime("expected '}' before end of string")
      }
      let field = String(String.UnicodeScalarView(scalars[position..<end]))
      guard !field.utf8.contains(UInt8(ascii: "{")) else {
        throw TemplateError(.unsupported, "nested fields in a format string are not supported")
      }
      position = end + 1
      let text = try replacement(for: field, arguments, &automatic, renderer)
      try renderer.spend(text.utf8.count)
      output.append(contentsOf: text.unicodeScalars)
    }
    return String(output)
  }

  private func replacement(
    for field: String, _ arguments: Arguments, _ automatic: inout Int, _ renderer: Renderer
  ) throws(TemplateError) -> String {
    let specified = field.parts(separatedBy: ":", atMost: 1)
    let converted = specified[0].parts(separatedBy: "!", atMost: 1)
    let path = converted[0]
    let nameEnd = path.utf8.firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") } ?? path.endIndex
    let name = String(path[..<nameEnd])

    var value: Value
    if name.isEmpty || Int(name) != nil {
      let index = Int(name) ?? automatic
      if name.isEmpty { automatic += 1 }
      guard arguments.positional.indices.contains(index) else {
        throw .runtime("Replacement index \(index) out of range for positional args tuple")
      }
      value = arguments.positional[index]
    } else {
      guard let named = arguments.named.last(where: { $0.name.isSameText(as: name) }) else {
        throw .runtime("KeyError: '\(name)'")
      }
      value = named.value
    }

    var rest = String(path[nameEnd...])
    while !rest.isEmpty {
      if rest.hasTextPrefix("[") {
        guard let end = rest.find("]") else { throw .runtime("Missing ']' in format string") }
        let key = rest.bytes(1..<end)
        value = try value.item(Int(key).map { .integer($0) } ?? .string(key))
        rest = rest.bytes(end + 1..<rest.utf8.count)
      } else if rest.hasTextPrefix(".") {
        let tail = rest.bytes(1..<rest.utf8.count)
        let end = tail.utf8.firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") } ?? tail.endIndex
        value = try value.attribute(MethodName(String(tail[..<end])))
        rest = String(tail[end...])
      } else {
        throw .runtime("Only '.' or '[' may follow ']' in format field specifier")
      }
    }

    if value.isContainer { try renderer.spend(value.weight) }
    if converted.count > 1 {
      switch converted[1] {
      case "s": value = .string(try value.printed())
      case "r", "a": value = .string(try value.represented())
      default: throw .runtime("Unknown conversion specifier \(converted[1])")
      }
    }
    guard specified.count > 1, !specified[1].isEmpty else { return try value.printed() }
    return try BraceFormat.specification(specified[1]).apply(to: value, renderer)
  }

  /// `[[fill]align][sign][#][0][width][,][.precision][type]`
  private static func specification(_ text: String) throws(TemplateError) -> NumberFormat {
    var format = NumberFormat()
    var rest = Array(text.unicodeScalars)[...]
    let alignments: [Unicode.Scalar] = ["<", ">", "^", "="]
    if rest.count > 1, alignments.contains(rest[1]) {
      format.fill = rest.removeFirst()
      format.alignment = rest.removeFirst()
    } else if let first = rest.first, alignments.contains(first) {
      format.alignment = rest.removeFirst()
    }
    if let sign = rest.first, ["+", "-", " "].contains(sign) { format.sign = rest.removeFirst() }
    if rest.first == "#" {
      format.isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      rest.removeFirst()
      if format.alignment == nil {
        format.fill = "0"
        format.alignment = "="
      }
    }
    func number() -> Int? {
      var number: Int?
      while let digit = rest.first, digit.isDecimalDigit {
        number = min((number ?? 0) * 10 + Int(digit.value - 0x30), Limit.work + 1)
        rest.removeFirst()
      }
      return number
    }
    format.width = number() ?? 0
    if rest.first == "," || rest.first == "_" { format.grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      guard let precision = number() else { throw .runtime("Format specifier missing precision") }
      format.precision = precision
    }
    if let type = rest.first {
      format.type = type
      rest.removeFirst()
    }
    guard rest.isEmpty else { throw .runtime("Invalid format specifier '\(text)'") }
    return format
  }
}
