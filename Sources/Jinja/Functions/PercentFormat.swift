import OrderedJSON

/// `format % values`, as Python's strings do it.
struct PercentFormat {
  private let scalars: [Unicode.Scalar]

  init(_ format: String) { scalars = Array(format.unicodeScalars) }

  func apply(to values: Value, _ renderer: Renderer) throws(TemplateError) -> String {
    var output = String.UnicodeScalarView()
    var position = 0
    var used = 0
    let positional: [Value]
    if case .tuple(let list) = values { positional = list.items } else { positional = [values] }
    var usesNames = false

    func next() throws(TemplateError) -> Value {
      guard used < positional.count else { throw .runtime("not enough arguments for format string") }
      used += 1
      return positional[used - 1]
    }
    func current() throws(TemplateError) -> Unicode.Scalar {
      guard position < scalars.count else { throw .runtime("incomplete format") }
      return scalars[position]
    }
    func number() throws(TemplateError) -> Int? {
      if try current() == "*" {
        position += 1
        guard let width = try next().asInteger else { throw .runtime("* wants int") }
        return width
      }
      var number: Int?
      while try current().isDecimalDigit {
        number = min((number ?? 0) * 10 + Int(scalars[position].value - 0x30), Limit.work + 1)
        position += 1
      }
      return number
    }

    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      guard scalar == "%" else {
        output.append(scalar)
        continue
      }
      if try current() == "%" {
        output.append("%")
        position += 1
        continue
      }
      var name: String?
      if try current() == "(" {
        position += 1
        let start = position
        while try current() != ")" { position += 1 }
        name = String(String.UnicodeScalarView(scalars[start..<position]))
        position += 1
        usesNames = true
      }
      var format = NumberFormat()
      flags: while true {
        switch try current() {
        case "-": format.alignment = "<"
        case "+": format.sign = "+"
        case " ": if format.sign != "+" { format.sign = " " }
        case "#": format.isAlternate = true
        case "0":
          if format.alignment == nil {
            format.fill = "0"
            format.alignment = "="
          }
        default: break flags
        }
        position += 1
      }
      format.width = try number() ?? 0
      if try current() == "." {
        position += 1
        format.precision = try number() ?? 0
      }
      let type = try current()
      position += 1
      let value: Value
      if let name {
        guard case .dictionary(let mapping) = values else { throw .runtime("format requires a mapping") }
        guard let member = mapping[name] else { throw .runtime("KeyError: '\(name)'") }
        value = member
      } else {
        value = try next()
      }
      let text: String
      switch type {
      case "s", "r", "a":
        format.type = nil
        format.fill = " "
        if format.alignment != "<" { format.alignment = ">" }
        if value.isContainer { try renderer.spend(value.weight) }
        text = try format.apply(to: .string(type == "s" ? try value.printed() : try value.represented()), renderer)
      case "d", "i", "u":
        guard let double = value.asDouble else {
          if case .undefined(let undefined) = value { throw undefined.error }
          throw .runtime("%\(type) format: a real number is required, not \(value.typeName)")
        }
        guard let integer = value.asInteger.map({ .integer($0) }) ?? (value.isIntegral ? value : .integer(double))
        else {
          throw .runtime("cannot convert \(double) to an integer")
        }
        format.type = "d"
        if let precision = format.precision {
          // The precision of an integer is its least number of digits.
          let printed = try integer.printed()
          let isNegative = printed.hasTextPrefix("-")
          let digits = isNegative ? String(printed.dropFirst()) : printed
          try renderer.spend(precision)
          format.fill = format.alignment == "=" ? " " : format.fill
          let zeros = String(repeating: "0", count: max(0, precision - digits.utf8.count))
          text = try format.padding(sign: isNegative, zeros + digits, renderer)
        } else {
          text = try format.apply(to: integer, renderer)
        }
      case "x", "X", "o":
        guard let integer = value.asInteger else {
          throw .runtime("%\(type) format: an integer is required, not \(value.typeName)")
        }
        format.type = type
        text = try format.apply(to: .integer(integer), renderer)
      case "e", "E", "f", "F", "g":
        guard let double = value.asDouble else {
          if case .undefined(let undefined) = value { throw undefined.error }
          throw .runtime("must be real number, not \(value.typeName)")
        }
        format.type = type
        text = try format.apply(to: .double(double), renderer)
      default:
        throw TemplateError(.unsupported, "the format character '\(type)' is not supported")
      }
      try renderer.spend(text.utf8.count)
      output.append(contentsOf: text.unicodeScalars)
    }
    var isMapping = false
    if case .dictionary = values { isMapping = true }
    if !usesNames, !isMapping, used < positional.count {
      throw .runtime("not all arguments converted during string formatting")
    }
    return String(output)
  }
}

extension NumberFormat {
  /// Digits with a sign, padded.
  fileprivate func padding(sign isNegative: Bool, _ digits: String, _ renderer: Renderer) throws(TemplateError)
    -> String
  {
    var format = self
    format.precision = nil
    format.type = nil
    if format.alignment == nil || format.alignment == "=" { format.alignment = ">" }
    let mark = isNegative ? "-" : sign == "-" ? "" : String(sign)
    return try format.apply(to: .string(mark + digits), renderer)
  }
}
